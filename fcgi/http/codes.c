#include "http/codes.h"

#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define LATER "Try again after the number of seconds in Retry-After."

/* Sorted by status, then name. Rows have a message of their own where an error may speak of
 * paths, hosts or statements, and where what is nobody's must look like what is somebody else's. */
const struct code codes[] = {
    {"BAD_REQUEST", 400, 0, NULL,
     "The path, the query string or the body's framing is not valid HTTP: a bad percent "
     "escape, a NUL, bytes that are not UTF-8."},
    {"GITHUB_CODE_REFUSED", 400, 0, NULL,
     "GitHub refused the OAuth code: it was used before, has expired, is another app's, or came "
     "with a redirect_uri that GitHub does not know."},
    {"IDEMPOTENCY_KEY_INVALID", 400, 0, NULL,
     "The Idempotency-Key is not 1 to 255 printable characters of UTF-8."},
    {"INVALID_CURSOR", 400, 0, NULL,
     "The cursor does not come from an earlier answer: begin again without one."},
    {"REDIRECT_URI_NOT_ALLOWED", 400, 0, NULL,
     "The redirect_uri is not one that the operator allows."},
    {"RETURN_URL_NOT_ALLOWED", 400, 0, NULL,
     "success_url or cancel_url do not begin with one of the operator's origins."},
    {"STRIPE_EVENT_INVALID", 400, 0, NULL, "The body of a webhook is no event of Stripe's."},
    {"STRIPE_SIGNATURE_INVALID", 400, 0, NULL,
     "The webhook's signature is missing, of none of the configured secrets, over other bytes, or "
     "more than 300 seconds old or in the future."},
    {"TLS_REQUIRED", 400, 0, NULL, "nginx: this port needs HTTPS."},
    {"AUTHENTICATION_REQUIRED", 401, 0, NULL,
     "No `Authorization: Bearer` header, or one that is malformed."},
    {"INVALID_CREDENTIALS", 401, 0, NULL,
     "The key or token is unknown or was revoked, the key has expired, or its user is not "
     "active."},
    {"JOB_SECRET_REFUSED", 401, 0, NULL,
     "This is not the secret of the agent job's newest attempt, or the job has ended."},
    {"TOKEN_EXPIRED", 401, 0, NULL,
     "The token has expired: get a new one with POST /auth/refresh."},
    {"INSUFFICIENT_CREDITS", 402, 0, NULL,
     "The balance is less than a minute of the new session and what the open ones have used (or "
     "than the agent job costs): deposit money, or close sessions."},
    {"SPENDING_LIMIT", 402, 0, NULL,
     "The user or the API key may not spend more today (UTC): the operator has set a daily limit."},
    {"ACCOUNT_DEACTIVATED", 403, 0, NULL, "The account is deactivated."},
    {"GITHUB_APP_NOT_INSTALLED", 403, 0, NULL,
     "The GitHub App is not installed on the account, or the server has none."},
    {"GITHUB_EMAIL_UNVERIFIED", 403, 0, NULL,
     "The GitHub account has no verified primary e-mail address."},
    {"TERMS_NOT_ACCEPTED", 403, 0, NULL,
     "The current terms of service have not been accepted: POST /users/me/accept-terms."},
    {"AGENT_JOB_NOT_FOUND", 404, 0, "There is no such agent job.",
     "No such agent job, or it belongs to somebody else."},
    {"AGENT_NOT_FOUND", 404, 0,
     "This server has no agent of that name; ask its operator which there are.",
     "The operator has not set up an agent of this name."},
    {"API_KEY_NOT_FOUND", 404, 0, NULL, "No such API key, or it belongs to somebody else."},
    {"INTERACTION_NOT_FOUND", 404, 0, "There is no such interaction in this session.",
     "No such interaction in this session, or it belongs to somebody else."},
    {"NOT_FOUND", 404, 0, NULL, "There is nothing at this path."},
    {"RESULT_NOT_FOUND", 404, 0, NULL,
     "The agent job has no result (yet, or any more), or the result has no folder of that agent."},
    {"SAMPLE_NOT_FOUND", 404, 0, "There is no such sample, or no such version of it.",
     "No such data set, sample, or version of it."},
    {"SESSION_NOT_FOUND", 404, 0, "There is no such session.",
     "No such session, or it belongs to somebody else."},
    {"VERIFICATION_NOT_FOUND", 404, 0, "There is no such verification job in this session.",
     "No such verification job in this session, or it belongs to somebody else."},
    {"METHOD_NOT_ALLOWED", 405, 0, NULL, "The path exists; `Allow` names its methods."},
    {"API_KEY_SHOWN_ONCE", 409, RETRY_NEVER, NULL,
     "An earlier request with this Idempotency-Key made the API key that the message names. Its "
     "text is shown once only: revoke it if you don't have it, and make another."},
    {"BILLING_OFF", 409, 0, NULL, "This server charges nothing, and takes no deposits."},
    {"CONFLICT", 409, 0, "The request conflicts with the state of the object.",
     "The state of the object does not allow it, and no other code says why."},
    {"IDEMPOTENCY_KEY_REUSED", 409, RETRY_NEVER, NULL,
     "The Idempotency-Key came with another body before: use a new key for a new request."},
    {"INTERACTION_PENDING", 409, RETRY_NEVER, NULL,
     "A str_replace or upload was recorded but has not ended in time. It will be carried out: "
     "don't send it again, GET the interaction that the message names."},
    {"OUTCOME_UNKNOWN", 409, RETRY_NEVER, NULL,
     "The server, or nginx, can't tell whether the request was carried out. Look at the state of "
     "what you asked for before you send it again; with an Idempotency-Key it can be sent again at "
     "once."},
    {"RESULT_MISSING", 409, 0, NULL,
     "An agent job that runs elsewhere can't be completed before its result was PUT and accepted."},
    {"RESULT_PENDING", 409, RETRY_NEVER, NULL,
     "The result of an agent job has arrived but was not checked in time. Don't send it again: say "
     "that the job is complete, until that is not answered RESULT_MISSING."},
    {"SAMPLE_NOT_RUNNABLE", 409, 0, NULL,
     "The sample has no image: it can be read, but no session can be started from it."},
    {"SESSION_CLOSED", 409, 0, NULL, "The session has ended: closed, terminated or failed."},
    {"SESSION_NOT_READY", 409, 0, NULL, "The session is still being created: GET it until ready."},
    {"LENGTH_REQUIRED", 411, 0, NULL, "nginx: a body needs a Content-Length."},
    {"PRECONDITION_FAILED", 412, 0, NULL,
     "nginx: the file does not meet If-Match or If-Unmodified-Since."},
    {"BODY_TOO_LARGE", 413, 0, NULL, "The body is longer than this path allows."},
    {"JOB_RESULT_TOO_LARGE", 413, 0, NULL,
     "The result of an agent job is too large when it is unpacked, or has too many files."},
    {"URI_TOO_LONG", 414, 0, NULL,
     "The path or the query string is longer than the server allows."},
    {"CONTENT_ENCODING_UNSUPPORTED", 415, 0, NULL,
     "The body has a Content-Encoding, which is not supported."},
    {"RANGE_NOT_SATISFIABLE", 416, 0, NULL, "nginx: the file is shorter than the requested range."},
    {"JOB_RESULT_REFUSED", 422, 0, NULL,
     "The result of an agent job is no tar.gz file, or has something in it that a result must not "
     "have; the message says what."},
    {"API_KEY_LIMIT", 429, 60, NULL, "Too many active API keys: revoke one."},
    {"DEPOSIT_LIMIT", 429, 60, NULL, "Too many open deposits: pay one, or wait until they end."},
    {"INTERACTION_LIMIT", 429, 1, NULL, "Too many unfinished interactions in this session."},
    {"JOB_LIMIT", 429, 30, NULL, "Too many agent jobs that have not ended: wait for one to end."},
    {"JOB_RATE_LIMIT", 429, 10, NULL, "Too many new agent jobs within a minute: wait a little."},
    {"SESSION_LIMIT", 429, 30, NULL, "Too many open sessions: close one."},
    {"SESSION_RATE_LIMIT", 429, 10, NULL, "Too many new sessions within a minute: wait a little."},
    {"TOO_MANY_REQUESTS", 429, 5, "A limit was reached. " LATER,
     "Another limit was reached, or nginx: too many requests from one address or with one key."},
    {"VERIFICATION_LIMIT", 429, 5, NULL, "Too many unfinished verifications of this session."},
    {"HEADERS_TOO_LARGE", 431, 0, NULL, "nginx: a header is longer than the server allows."},
    {"INTERNAL_ERROR", 500, 0,
     "The server failed. Its log has the reason, with the X-Request-Id of this answer.",
     "The server failed; its log has the reason, with the X-Request-Id of the answer."},
    {"NOT_IMPLEMENTED", 501, 0, NULL, "nginx: an unknown Transfer-Encoding."},
    {"GITHUB_BAD_ANSWER", 502, 5, NULL, "GitHub's answer makes no sense."},
    {"STRIPE_BAD_ANSWER", 502, 5, NULL, "Stripe answered something that makes no sense."},
    {"DATABASE_BUSY", 503, 2,
     "The database is busy with another request for the same thing. " LATER,
     "The database had to wait too long for another request. Nothing was recorded."},
    {"DATABASE_UNAVAILABLE", 503, 2, "The database cannot be used at the moment. " LATER,
     "The database cannot be reached, or its disk is full. You may send the request "
     "again."},
    {"GITHUB_NOT_CONFIGURED", 503, 3600, NULL, "This server has no GitHub OAuth App."},
    {"GITHUB_UNAVAILABLE", 503, 10, NULL,
     "GitHub is down, cannot be reached, or refuses this server."},
    {"SIGN_IN_NOT_CONFIGURED", 503, 3600, NULL, "This server issues no tokens."},
    {"STRIPE_NOT_CONFIGURED", 503, 3600, NULL, "This server takes no payments."},
    {"STRIPE_UNAVAILABLE", 503, 10, NULL,
     "Stripe is down, cannot be reached, or refuses this server. Nothing was paid; the same "
     "deposit asked for again is the same one."},
    {"UNAVAILABLE", 503, 5, "A part of the server is down or busy. " LATER,
     "A part of the server is starting, stopping, down or busy."},
    {"GITHUB_TIMEOUT", 504, 5, NULL, "GitHub did not answer in time."},
    {"STRIPE_TIMEOUT", 504, 5, NULL,
     "Stripe did not answer in time. The same deposit asked for again is the same one."},
    {"TIMED_OUT", 504, 5, NULL,
     "nginx: a worker took too long. A POST is answered OUTCOME_UNKNOWN instead."},
};

const size_t codes_count = sizeof(codes) / sizeof(codes[0]);

const struct code *code_find(const char *name)
{
    for (size_t i = 0; i < codes_count; i++)
        if (strcmp(codes[i].name, name) == 0)
            return &codes[i];
    return NULL;
}

/* For names that stand in this file. */
static const struct code *code_known(const char *name)
{
    const struct code *code = code_find(name);

    if (!code)
        abort();
    return code;
}

static const struct code *code_of_kind(enum error_kind kind, const char **ret_message)
{
    switch (kind) {
    case ERROR_INVALID:
        *ret_message = "The request is not valid.";
        return code_known("BAD_REQUEST");
    case ERROR_NOT_FOUND:
        *ret_message = "The object that the request names does not exist.";
        return code_known("NOT_FOUND");
    case ERROR_CONFLICT:
        return code_known("CONFLICT");
    case ERROR_LIMIT:
        return code_known("TOO_MANY_REQUESTS");
    case ERROR_UNAVAILABLE:
        return code_known("UNAVAILABLE");
    case ERROR_NONE:
    case ERROR_INTERNAL:
        break;
    }
    return code_known("INTERNAL_ERROR");
}

const struct code *code_of_error(const struct error *err, const char **ret_message)
{
    const struct code *code = err->code ? code_find(err->code) : NULL;

    *ret_message = err->message;
    if (!code)
        code = code_of_kind(err->kind, ret_message);
    if (code->message)
        *ret_message = code->message;
    return code;
}
