/// A small Jinja interpreter: what chat templates use of Jinja 2, with the bytes Python produces.
///
/// A template goes from text to [Token]s ([Lexer]), to a tree of [Statement]s and [Expression]s
/// ([StatementParser], [ExpressionParser]), and is then walked ([Interpreter], [Evaluator]) over
/// [Value]s that behave as Python's do. The environment is the one transformers sets up: sandboxed
/// and immutable, no autoescape, `trim_blocks`, `lstrip_blocks`, loop controls, the `generation`
/// tag, and a `tojson` that does not escape HTML.
///
/// Templates come with downloaded models and are not trusted: they reach nothing but the values
/// given, no reflection is used, and a [Budget] bounds time, memory and nesting.
///
/// Left out, and refused by name: inheritance, imports and includes, autoescaping, filters for
/// HTML, `batch`, `slice`, `groupby`, `attr`, `str.format`, and macros that use `varargs` or
/// `kwargs`. Integers have 64 bits, and a generator can be read twice.
@NullMarked
package dev.fettle.text.jinja;

import org.jspecify.annotations.NullMarked;
