/*
 * swe_bench.h - what is known of the repositories of SWE-bench up to 4, whose rows say neither
 * which image they are for nor how their tests are run: that was in its harness. Pure.
 */
#ifndef CODESET_DATASET_SWE_BENCH_H
#define CODESET_DATASET_SWE_BENCH_H

#include <json-c/json.h>
#include <stdbool.h>

/* Is it a row as it was published, of a repository that is known here? One with a field more is
 * somebody's own. */
bool swe_bench_is_published(json_object *row);

/* The parser that `name` means for this task: some are SWE-bench's for a repository, whose tasks
 * have several runners. A literal; NULL: there is none. */
const char *swe_bench_parser(const char *name, const char *instance_id);

#endif
