package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;

/// What the hub's refusals mean for the user. `X-Error-Code` is the hub's own word for them.
final class HubErrors {
  private static final int LONGEST = 200;

  private HubErrors() {}

  /// The listing was refused.
  static UserException ofModel(ModelName model, HubEnvironment environment, Reply reply) {
    String page = environment.endpoint() + "/" + model.id();
    String access =
        environment.token() == null
            ? "log in there, make a token and give it with HF_TOKEN"
            : "the token that was sent does not give access, use one of an account that has it";
    return switch (reply.status()) {
      case 401, 403 -> {
        if (isCode(reply, "GatedRepo")) {
          yield new UserException(
              "%s is gated: accept its conditions at %s, then run it again; %s."
                  .formatted(model.id(), page, access));
        }
        yield new UserException(
            "%s does not exist, or it is private or gated (%d): check the name at %s; if it is right, %s."
                .formatted(model.id(), reply.status(), page, access));
      }
      case 404 -> {
        if (isCode(reply, "RevisionNotFound")) {
          yield new UserException(
              "%s has no revision '%s'; its branches and tags are at %s/tree/main."
                  .formatted(model.id(), model.revisionOrMain(), page));
        }
        yield new UserException(
            "%s has no model %s%s; check the spelling, which is org/model."
                .formatted(
                    environment.endpoint(),
                    model.id(),
                    model.revision() == null
                        ? ""
                        : " with the revision '" + model.revision() + "'"));
      }
      default ->
          new UserException(
              "%s answers %d for %s%s; is HF_ENDPOINT a Hugging Face hub?"
                  .formatted(environment.endpoint(), reply.status(), model.id(), said(reply)));
    };
  }

  /// A file was refused.
  static UserException ofFile(String file, Reply reply) {
    return switch (reply.status()) {
      case 401, 403 ->
          new UserException(
              "The hub does not give out %s (%d)%s: accept the model's conditions on its page, and give a"
                      .formatted(file, reply.status(), said(reply))
                  + " token of that account with HF_TOKEN.");
      case 404 -> new UserException("The hub lists %s and does not have it (404).".formatted(file));
      default ->
          new UserException(
              "The server answers %d for %s%s.".formatted(reply.status(), file, said(reply)));
    };
  }

  static boolean isCode(Reply reply, String code) {
    return reply.header("X-Error-Code").equalsIgnoreCase(code);
  }

  private static String said(Reply reply) {
    @Nullable String message = reply.headers().firstValue("X-Error-Message").orElse(null);
    if (message == null || message.isBlank()) {
      return "";
    }
    String cut = message.length() <= LONGEST ? message : message.substring(0, LONGEST) + "…";
    return " (" + cut + ")";
  }
}
