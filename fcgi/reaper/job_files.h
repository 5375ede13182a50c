/*
 * job_files.h - where results of jobs lie on this host, in [jobs] results_dir:
 *
 *     incoming/UPLOAD         a body that came by PUT; a worker's, until it is checked
 *     JOB/new-ID              a result that is being written: by the job's own container (ID is the
 *                             job's) or from an upload (the upload's)
 *     JOB/all.tar.gz          the result; nginx sends it
 *     JOB/HASH.tar.gz         a choice of its parts; a worker's
 *
 * The database says first which result a job has, then the file gets its name. A daemon that died
 * in between left a new-ID; job_files_recover of the next one gives it its name, or removes it.
 *
 * All functions may block for as long as the disk does.
 */
#ifndef CODESET_REAPER_JOB_FILES_H
#define CODESET_REAPER_JOB_FILES_H

#include <stddef.h>

#include "base/error.h"
#include "base/id.h"

struct db;
struct jobs_settings;

/* Makes new-ID, empty. others: how many results are being written besides. JOB_HOST_FULL
 * (ERROR_LIMIT): there would be too little room for all of them. */
int job_file_create(const struct jobs_settings *settings, const struct id *job, const struct id *id,
                    size_t others, int *ret_fd, struct error *err);

/* What was written to it is on the disk from here on. */
int job_file_sync(const struct jobs_settings *settings, const struct id *job, int fd,
                  struct error *err);

/* It is the job's result: it gets its name, and what was made of an earlier one goes. Again is no
 * error. */
int job_file_place(const struct jobs_settings *settings, const struct id *job, const struct id *id,
                   struct error *err);

/* It is not. */
void job_file_discard(const struct jobs_settings *settings, const struct id *job,
                      const struct id *id);

/* All files of the job. */
int job_files_remove(const struct jobs_settings *settings, const struct id *job, struct error *err);

int job_upload_open(const struct jobs_settings *settings, const struct id *upload, int64_t bytes,
                    int *ret_fd, struct error *err);
void job_upload_discard(const struct jobs_settings *settings, const struct id *upload);

/* What a daemon left half-done that was there before (µs since 1970). Files of jobs and uploads
 * that have not ended stay: hosts share the folder, and whoever has the work writes them anew. */
int job_files_recover(struct db *db, const struct jobs_settings *settings, int64_t before,
                      struct error *err);

/* Bodies that no row is about, and that have not been written to for an hour. */
int job_uploads_prune(struct db *db, const struct jobs_settings *settings, struct error *err);

#endif
