/// Models from a Hugging Face hub: which files of a repository are needed, their download with
/// resuming and verification, and the cache that is shared with Python's `huggingface_hub`.
///
/// The server and everything it says are not trusted: names, sizes, redirects and contents are
/// checked before they reach the disk, and the token goes to the hub alone. What is in the files is
/// the business of those who read them.
@NullMarked
package dev.fettle.checkpoint.hub;

import org.jspecify.annotations.NullMarked;
