/*
 * agent_protocol.h - what the agent and its client must agree on: paths, names, numbers.
 * docs/agent-protocol.md says what they mean.
 */
#ifndef CODESET_WIRE_AGENT_PROTOCOL_H
#define CODESET_WIRE_AGENT_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

/* What an agent says of itself. One of version 1 ignores the ids of file operations. */
#define AGENT_PROTOCOL 3
#define AGENT_PROTOCOL_LEAST 1 /* what the client still speaks with */
#define AGENT_PROTOCOL_IDS 2   /* from here on no file operation is done twice */
#define AGENT_PROTOCOL_TAIL 3  /* from here on there are tails and whole archives */

/* Paths. One that ends in a slash has an operation's id behind it. */
#define AGENT_PATH_HELLO "/hello"
#define AGENT_PATH_COMMANDS "/commands/"
#define AGENT_PATH_TAIL "/tail" /* behind a command's id */
#define AGENT_PATH_REPLACE "/replace"
#define AGENT_PATH_FILE "/file"
#define AGENT_PATH_LISTING "/listing"
#define AGENT_PATH_CHANGES "/changes"
#define AGENT_PATH_FILES "/files"
#define AGENT_PATH_ARCHIVE "/archive"

/* Fields of queries. */
#define AGENT_FIELD_ID "id"
#define AGENT_FIELD_PATH "path"
#define AGENT_FIELD_WORKDIR "workdir"
#define AGENT_FIELD_EXECUTABLE "executable"
#define AGENT_FIELD_ROOT "root"
#define AGENT_FIELD_SINCE "since"
#define AGENT_FIELD_MATCH "match"
#define AGENT_FIELD_BYTES "bytes"
#define AGENT_FIELD_ENTRIES "entries"
#define AGENT_FIELD_RULES "rules"

/* Members of a command's profile: how the image or the data set wants it to be run. An agent of an
 * earlier release runs it as root, by a plain shell. */
#define AGENT_PROFILE_USER "user"             /* as in wire/account.h */
#define AGENT_PROFILE_SHELL "shell"           /* one of the words that follow */
#define AGENT_PROFILE_ENTRYPOINT "entrypoint" /* array of texts, for AGENT_SHELL_ENTRYPOINT */
#define AGENT_SHELL_PLAIN "plain"
#define AGENT_SHELL_LOGIN "login"
#define AGENT_SHELL_ENTRYPOINT "entrypoint"
#define AGENT_ENTRYPOINT_MOST 64 /* arguments */

/* In the agent's own environment: how many processors its commands may be told of. */
#define AGENT_CPUS_VARIABLE "CODESET_CPUS"

/* Heads of a command's result. */
#define AGENT_HEAD_END "X-End"
#define AGENT_HEAD_STATUS "X-Exit-Status"
#define AGENT_HEAD_SECONDS "X-Seconds"
#define AGENT_HEAD_STARTED "X-Started-At"
#define AGENT_HEAD_FILES_FROM "X-Files-From"
#define AGENT_HEAD_OUT_LENGTH "X-Stdout-Length"
#define AGENT_HEAD_OUT_TRUNCATED "X-Stdout-Truncated"
#define AGENT_HEAD_ERR_LENGTH "X-Stderr-Length"
#define AGENT_HEAD_ERR_TRUNCATED "X-Stderr-Truncated"
#define AGENT_HEAD_MESSAGE "X-Message"

/* Head of a tail: how many bytes of text both outputs have had in all. */
#define AGENT_HEAD_TOTAL "X-Total"

/* Values of AGENT_HEAD_END. */
#define AGENT_ENDED_EXIT "exit"
#define AGENT_ENDED_TIMEOUT "timeout"
#define AGENT_ENDED_FAILED "failed"

/* What PUT /changes leaves as the image has it: rules, each a kind and a text, ended by NUL. */
#define AGENT_RULE_TEST 'f'  /* a path: the folders above it stay folders */
#define AGENT_RULE_NAME 'c'  /* a pattern (fnmatch) for a part of a path */
#define AGENT_RULE_QUIET 'q' /* the same, and it is not told */
#define AGENT_RULE_NEW 'n'   /* a path, where the image has nothing there */
#define AGENT_RULE_PART 'p'  /* a file's name: what it says to the runner is the image's */
#define AGENT_RULE_KEEP 'k'  /* a pattern of the sample: of a name, or, with a slash, of a path */
#define AGENT_RULE_TAKE 't'  /* the same: the session's is taken, whatever other rules say */
#define AGENT_RULES_MOST (1024 * 1024) /* bytes of all rules */

/* In place of a pattern, in AGENT_RULE_KEEP: things of a kind, wherever they are
 * (agent/crossing.h). Also the kinds' names in the answer. */
#define AGENT_KIND_COMPILED "@compiled"
#define AGENT_KIND_LINK "@links"      /* where the image has a folder */
#define AGENT_KIND_STARTUP "@startup" /* what an interpreter reads at its start */
#define AGENT_KIND_ENTRY "@entry"     /* what package.json says of where to begin */

/* What a trial (trial/trial.h) leaves in the repository's folder: its report, which nobody else can
 * have written. */
#define AGENT_TRIAL_REPORT ".codeset-trial.xml"
#define AGENT_TRIAL_FIRST_STEP "plan"
#define AGENT_TRIAL_SECOND_STEP "run"
#define AGENT_TRIAL_TELLS_PLANTED "tells_planted" /* a member of the second step's request */
/* A member of the first step's request: the record of a rehearsal, as a first step before printed
 * it in its last line. */
#define AGENT_TRIAL_REHEARSED "rehearsed"
#define AGENT_TRIAL_REHEARSED_MOST ((size_t)256 << 10) /* bytes */
#define AGENT_TRIAL_TAMPERED 3 /* the second step's exit status: a planted failure passed */
#define AGENT_TRIAL_FAULT 70   /* either's: the step could not be done, stderr says why */

#define AGENT_TYPE_TAR "application/x-tar"
#define AGENT_TYPE_BYTES "application/octet-stream"

/* Status codes that say more than that something is wrong. */
#define AGENT_STATUS_INCOMPLETE 409 /* an archive lacks something */
#define AGENT_STATUS_LOST 410       /* the operation's outcome is not known to anybody */
#define AGENT_STATUS_TOO_LARGE 413
#define AGENT_STATUS_BUSY 503 /* nothing was done; may be asked again */

/*
 * How many operations an agent remembers. Those that were answered make room, the least lately
 * answered first. One that its session still waits for must never be among them: a session has at
 * most half as many unfinished interactions (interactions_per_session). The other half is for those
 * whose DELETE was lost.
 */
#define AGENT_OPERATIONS_MOST 256
#define AGENT_UNFINISHED_MOST (AGENT_OPERATIONS_MOST / 2)
#define AGENT_ID_MOST 64 /* bytes of an id: A-Z a-z 0-9 . _ - */

/* Bytes, and seconds. */
#define AGENT_OUTPUT_CAP (1024 * 1024)        /* of an output stream, as UTF-8 */
#define AGENT_TAIL_CAP 65536                  /* of the newest text of both outputs */
#define AGENT_REQUEST_CAP (INT64_C(4) << 20)  /* of the body that starts a command */
#define AGENT_FILE_CAP (INT64_C(64) << 20)    /* of an edited or uploaded file */
#define AGENT_LISTING_CAP (INT64_C(64) << 20) /* of a listing */
#define AGENT_TREE_CAP (INT64_C(512) << 20)   /* of an archive of changes */
#define AGENT_REPORT_CAP (INT64_C(64) << 20)  /* of an archive of reports */
#define AGENT_REPORTS_MOST 1000               /* files in it */
#define AGENT_PATTERNS_MOST 64                /* that say which */
#define AGENT_COMMAND_SECONDS_MOST (7 * 24 * 3600)
#define AGENT_FILE_SECONDS 5 /* after which a file operation is done, refused or given up */

#endif
