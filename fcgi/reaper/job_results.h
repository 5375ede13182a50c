/*
 * job_results.h - results of jobs that come by PUT: each is checked and packed as one of a
 * container is, and only then the job's. And what the clock does for jobs: results that are old go,
 * jobs elsewhere whose time is over end.
 *
 *     claim -> the body's file -> grader -> file -> the upload's row -> the file gets its name
 */
#ifndef CODESET_REAPER_JOB_RESULTS_H
#define CODESET_REAPER_JOB_RESULTS_H

#include "reaper/kinds.h"

extern const struct kind job_result_kind;

#endif
