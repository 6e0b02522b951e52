package dev.fettle.cli;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/// Parses a command line, runs its verb and turns whatever happens into one sentence and an exit
/// code.
final class Cli {
  static final int OK = 0;

  /// The work failed: the disk, the memory, or a fault of Fettle's own.
  static final int FAILED = 1;

  /// The command line or the input it names has to change.
  static final int BAD_INPUT = 2;

  /// Ctrl-C, as shells report it.
  static final int STOPPED = 130;

  private final Console console;

  /// By option, where in a `--config` file its value comes from.
  private final Map<String, String> origins = new TreeMap<>();

  private Cli(Console console) {
    this.console = console;
  }

  static int run(Console console, String... args) {
    return new Cli(console).run(args);
  }

  private int run(String... args) {
    CommandLine line = commandLine(console);
    line.setParameterExceptionHandler((e, _) -> badCommandLine(e));
    line.setExecutionExceptionHandler((e, verb, parsed) -> failed(e, verb, parsed, args));
    if (args.length == 0) {
      line.usage(console.out());
      return BAD_INPUT;
    }
    try {
      ConfigArguments arguments = ConfigArguments.of(line, args);
      origins.putAll(arguments.origins());
      return line.execute(
          BaseModel.complete(console, line, arguments.arguments()).toArray(String[]::new));
    } catch (UserException e) {
      return say("fettle " + args[0], message(e), BAD_INPUT);
    } catch (OutOfMemoryError e) {
      return say(
          "fettle " + args[0],
          "the Java heap is full ("
              + Units.bytes(Runtime.getRuntime().maxMemory())
              + "); set FETTLE_JAVA_OPTS=-Xmx8g (or more) and run it again",
          FAILED);
    } catch (Error e) {
      return crashed("fettle " + args[0], e, args);
    }
  }

  /// The verbs with their options, without the manners.
  static CommandLine commandLine(Console console) {
    CommandLine line = new CommandLine(new Fettle());
    for (Verb verb : Verbs.inDataFlowOrder(console)) {
      line.addSubcommand(verb.commandLine());
    }
    line.setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF));
    line.setUsageHelpWidth(console.width());
    line.setUsageHelpAutoWidth(false);
    line.setUsageHelpLongOptionsMaxWidth(34);
    line.setOut(new PrintWriter(console.out(), true, StandardCharsets.UTF_8));
    line.setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setAbbreviatedOptionsAllowed(false);
    return line;
  }

  private int badCommandLine(ParameterException e) {
    String name = e.getCommandLine().getCommandSpec().qualifiedName();
    say(name, sentence(e), BAD_INPUT);
    console.err().println("Try: " + name + " --help");
    return BAD_INPUT;
  }

  private String sentence(ParameterException e) {
    CommandLine line = e.getCommandLine();
    UnmatchedArgumentException unmatched =
        e instanceof UnmatchedArgumentException u
            ? u
            : new UnmatchedArgumentException(line, line.getUnmatchedArguments());
    if (unmatched.getUnmatched().isEmpty()) {
      @Nullable String origin =
          e.getArgSpec() instanceof OptionSpec option ? origins.get(option.longestName()) : null;
      return message(e) + (origin == null ? "" : " (" + origin + ")");
    }
    boolean verb = !line.getSubcommands().isEmpty() && !unmatched.isUnknownOption();
    String what =
        verb
            ? (line.getParent() == null ? "unknown verb '" : "unknown topic '")
                + unmatched.getUnmatched().getFirst()
                + "'"
            : message(unmatched);
    List<String> suggestions = unmatched.getSuggestions();
    return suggestions.isEmpty()
        ? what
        : what + "; did you mean " + String.join(" or ", suggestions);
  }

  private int failed(Exception e, CommandLine verb, ParseResult parsed, String[] args) {
    if (e instanceof ParameterException usage) {
      return badCommandLine(usage);
    }
    String name = verb.getCommandSpec().qualifiedName();
    if (wantsStackTrace(parsed)) {
      e.printStackTrace(console.err());
    }
    if (e instanceof StopSignal.Stopped || console.stop().requested()) {
      return say(name, "stopped", STOPPED);
    }
    return switch (e) {
      case UserException bad -> say(name, message(bad), BAD_INPUT);
      case UncheckedIOException io -> say(name, message(io), FAILED);
      case IOException io -> say(name, message(io), FAILED);
      default -> crashed(name, e, args);
    };
  }

  private int say(String name, String sentence, int exitCode) {
    console.out().flush();
    console.err().println(name + ": " + sentence);
    return exitCode;
  }

  private int crashed(String name, Throwable e, String[] args) {
    String what =
        e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage());
    return say(
        name,
        "this is a fault in Fettle ("
            + what.lines().findFirst().orElse("")
            + "); "
            + CrashReport.write(e, args),
        FAILED);
  }

  private static boolean wantsStackTrace(ParseResult parsed) {
    ParseResult verb = parsed;
    while (verb.hasSubcommand()) {
      verb = verb.subcommand();
    }
    return verb.hasMatchedOption("--stack-trace") || System.getenv("FETTLE_DEBUG") != null;
  }

  private static String message(Throwable e) {
    return switch (e) {
      case UncheckedIOException io when io.getCause() != null -> message(io.getCause());
      case NoSuchFileException missing -> missing.getFile() + ": no such file or folder";
      case AccessDeniedException denied -> denied.getFile() + ": permission denied";
      default -> Objects.requireNonNullElse(e.getMessage(), e.toString());
    };
  }
}
