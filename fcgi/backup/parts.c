#include "backup/parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "settings.h"
#include "store/backup.h"

#include "base/banned.h"

void backup_folders(const struct settings *settings, const char *below,
                    struct backup_folders *ret_folders)
{
    static const char *const names[BACKUP_FOLDERS] = {"images", "results"};
    static const char *const parts[BACKUP_FOLDERS] = {"images.tar", "results.tar"};
    const char *const usual[BACKUP_FOLDERS] = {settings->engine.image_dir,
                                               settings->jobs.results_dir};

    for (size_t i = 0; i < BACKUP_FOLDERS; i++)
        ret_folders->rows[i] = (struct backup_folder){
            .part = parts[i],
            .folder = below ? xasprintf("%s/%s", below, names[i]) : xstrdup(usual[i]),
            .is_images = i == 0,
        };
}

void backup_folders_release(struct backup_folders *folders)
{
    for (size_t i = 0; i < BACKUP_FOLDERS; i++)
        free(folders->rows[i].folder);
}

/* In an option file a value may stand in quotes, with \ before what would end it. */
static void add_option(struct buf *out, const char *name, const char *value)
{
    buf_addf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, *value);
    }
    buf_add_str(out, "\"\n");
}

static int add_options(struct buf *out, const struct database_settings *settings, struct error *err)
{
    _cleanup_(buf_release) struct buf password = BUF_INIT;

    buf_add_str(out, "[client]\n");
    add_option(out, "user", settings->db_admin_user);
    if (settings->db_host[0]) {
        add_option(out, "host", settings->db_host);
        buf_addf(out, "port=%" PRId64 "\n", settings->db_port);
    } else {
        add_option(out, "socket", settings->db_socket);
    }
    if (!settings->db_admin_password_file[0])
        return 0;
    if (file_read_secret(settings->db_admin_password_file, &password, err) < 0)
        return -1;
    add_option(out, "password", password.data);
    explicit_bzero(password.data, password.length);
    return 0;
}

/* mariadb ignores an option file that everybody may write. */
int backup_sign_in(const struct database_settings *settings, struct error *err)
{
    _cleanup_(close_fd) int fd = memfd_create("client", MFD_CLOEXEC);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    int status = -1;

    if (fd < 0 || fchmod(fd, 0600) < 0)
        return error_errno(err, errno, "cannot make a file in memory");
    if (add_options(&text, settings, err) == 0)
        status = fd_write_all(fd, text.data, text.length, err);
    if (text.length > 0)
        explicit_bzero(text.data, text.length);
    return status < 0 ? -1 : TAKE_FD(fd);
}

static void add_number(const char *name, int64_t number, void *arg)
{
    json_add_int(arg, name, number);
}

json_object *backup_numbers(struct db *db, struct error *err)
{
    _cleanup_(json_release) json_object *numbers = json_object_new_object();
    json_object *tables = json_object_new_object(), *ledger = json_object_new_object();

    json_add(numbers, "tables", tables);
    json_add(numbers, "ledger", ledger);
    if (store_table_counts(db, add_number, tables, err) < 0 ||
        store_ledger_sums(db, add_number, ledger, err) < 0)
        return NULL;
    return TAKE_PTR(numbers);
}

int backup_compare(json_object *expected, json_object *found, const char *what, struct error *err)
{
    json_object_object_foreach (expected, name, value) {
        int64_t number = json_object_get_int64(value);

        if (!json_object_object_get_ex(found, name, NULL))
            return error_set(err, ERROR_INVALID, NULL, "%s '%s' is missing", what, name);
        if (json_get_int(found, name, 0) != number)
            return error_set(err, ERROR_INVALID, NULL,
                             "%s '%s' is %" PRId64 ", but should be %" PRId64, what, name,
                             json_get_int(found, name, 0), number);
    }
    json_object_object_foreach (found, other, ignored) {
        (void)ignored;
        if (!json_object_object_get_ex(expected, other, NULL))
            return error_set(err, ERROR_INVALID, NULL, "there is %s '%s', but should be none", what,
                             other);
    }
    return 0;
}
