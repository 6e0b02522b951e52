package dev.fettle.doctor;

import org.jspecify.annotations.Nullable;

/// What one check found.
///
/// What files say may be part of the texts, so control characters appear as their code.
///
/// @param check the check's id, such as `double-bos`; stable
/// @param found what is there: tokens, ids, rows, files
/// @param fix the command or edit that mends it; null where nothing has to change
public record Finding(Severity severity, String check, String found, @Nullable String fix) {
  public Finding {
    found = Shown.line(found);
    fix = fix == null ? null : Shown.line(fix);
  }

  static Finding ok(String check, String found) {
    return new Finding(Severity.OK, check, found, null);
  }

  static Finding note(String check, String found) {
    return new Finding(Severity.NOTE, check, found, null);
  }

  static Finding note(String check, String found, String fix) {
    return new Finding(Severity.NOTE, check, found, fix);
  }

  static Finding warning(String check, String found, String fix) {
    return new Finding(Severity.WARNING, check, found, fix);
  }

  static Finding error(String check, String found, String fix) {
    return new Finding(Severity.ERROR, check, found, fix);
  }
}
