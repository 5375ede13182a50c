/*
 * doctor_egress.c - the way out of agents' containers: codeset-egress, its firewall rules, and the
 * names that agents, their clones and sessions need. Only where an agent runs here (each clones
 * its repository by it, whatever its own egress is), or a data set has an egress.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ctl/doctor.h"
#include "ctl/egress_probe.h"
#include "reaper/job_clone.h"
#include "service/service.h"
#include "store/agents.h"
#include "store/samples.h"
#include "wire/egress.h"

#include "base/banned.h"

#define LOGS "journalctl -u codeset-egress says why"
#define LOAD "journalctl -u codeset-egress-wall says why it fails"

struct agents {
    size_t count;   /* of those that run here, and of data sets whose sessions reach something */
    size_t calling; /* of these those that reach something */
    struct egress_name names[EGRESS_NAMES_MAX];
    size_t name_count;
};

/* --- what is needed -------------------------------------------------------------------------- */

static void add_name(const char *host, uint16_t port, void *arg)
{
    struct agents *agents = arg;

    for (size_t i = 0; i < agents->name_count; i++)
        if (strcmp(agents->names[i].host, host) == 0 && agents->names[i].port == port)
            return;
    if (agents->name_count == EGRESS_NAMES_MAX)
        return;
    snprintf(agents->names[agents->name_count].host, EGRESS_HOST_SIZE, "%s", host);
    agents->names[agents->name_count++].port = port;
}

static void add_agent(const struct agent *agent, void *arg)
{
    struct agents *agents = arg;

    if (agent->image == NULL)
        return;
    agents->count++;
    agents->calling += strcmp(agent->egress, "none") != 0;
    egress_policy_each(agent->egress, add_name, agents);
}

static void add_dataset(const struct dataset *dataset, void *arg)
{
    struct agents *agents = arg;

    if (strcmp(dataset->egress, "none") == 0)
        return;
    agents->count++;
    egress_policy_each(dataset->egress, add_name, agents);
}

static bool is_default(const char *clone_hosts)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_rows[i].section, "jobs") == 0 &&
            strcmp(settings_rows[i].name, "clone_hosts") == 0)
            return strcmp(settings_rows[i].fallback, clone_hosts) == 0;
    return false;
}

static bool is_github(const char *url)
{
    static const char policy[] = "allow:github.com";
    _cleanup_(buf_release) struct buf found = BUF_INIT;

    return job_clone_policy(url, "", &found) == 0 &&
           strncmp(found.data, policy, sizeof(policy) - 1) == 0 &&
           (found.length == sizeof(policy) - 1 || found.data[sizeof(policy) - 1] == ':');
}

/* The default clone_hosts are GitHub's: nobody has asked for them where the git server is another.
 */
static void add_git_host(const struct settings *settings, struct agents *agents)
{
    const char *url =
        settings->jobs.git_url[0] ? settings->jobs.git_url : settings->accounts.github_url;
    const char *hosts = settings->jobs.clone_hosts;
    _cleanup_(buf_release) struct buf policy = BUF_INIT;

    if (is_default(hosts) && !is_github(url))
        hosts = "";
    if (job_clone_policy(url, hosts, &policy) == 0)
        egress_policy_each(policy.data, add_name, agents);
}

/* --- the checks ------------------------------------------------------------------------------ */

static void check_service(struct doctor *doctor)
{
    struct error err = ERROR_INIT;

    if (egress_probe_answers(doctor->settings->jobs.egress_socket, &err) == 0)
        doctor_ok(doctor, "egress", "codeset-egress answers");
    else
        doctor_report(doctor, FINDING_FAIL, "egress",
                      geteuid() == 0 ? "systemctl start codeset-egress.socket; " LOGS
                                     : DOCTOR_AS_ROOT,
                      "%s; no agent can start", err.message);
}

static void check_wall(struct doctor *doctor, const struct egress_user *user)
{
    struct error err = ERROR_INIT;

    if (!doctor->settings->jobs.egress_wall)
        doctor_ok(doctor, "firewall", "not asked for ([jobs] egress_wall = no)");
    else if (egress_probe_wall(user, &err) == 0)
        doctor_ok(doctor, "firewall", "the rules for agents keep codeset-egress from this host");
    else
        doctor_report(doctor, FINDING_FAIL, "firewall", LOAD, "%s", err.message);
}

static void check_names(struct doctor *doctor, const struct egress_user *user,
                        const struct agents *agents)
{
    static const char mend[] = "correct the name (--egress, git_url, clone_hosts) or "
                               "/etc/resolv.conf; a host of your own network goes into [jobs] "
                               "egress_always";
    _cleanup_(buf_release) struct buf faults = BUF_INIT;
    struct error err = ERROR_INIT;
    int count = egress_probe_names(user, agents->names, agents->name_count,
                                   doctor->settings->jobs.egress_always, &faults, &err);
    char *rest = faults.data, *line;

    if (count < 0)
        doctor_report(doctor, FINDING_FAIL, "agents' hosts", "run doctor again", "%s", err.message);
    else if (count == 0)
        doctor_ok(doctor, "agents' hosts", "%zu looked up", agents->name_count);
    while (count-- > 0 && (line = strsep(&rest, "\n")) != NULL)
        doctor_report(doctor, FINDING_WARN, "agents' hosts", mend, "%s", line);
}

static void warn_of_callback(const char *host, uint16_t port, void *arg)
{
    struct doctor *doctor = arg;

    if (port == 0)
        port = strncmp(doctor->settings->jobs.callback_url, "http://", 7) == 0 ? 80 : 443;
    if (!egress_always_has(doctor->settings->jobs.egress_always, host, port))
        doctor_report(doctor, FINDING_WARN, "callback_url", "add it to [jobs] egress_always",
                      "agents are told to call %s:%u, but this host is not in egress_always", host,
                      (unsigned)port);
}

static void check_callback(struct doctor *doctor)
{
    _cleanup_(buf_release) struct buf policy = BUF_INIT;

    if (doctor->settings->jobs.callback_url[0] != '\0' &&
        job_clone_policy(doctor->settings->jobs.callback_url, "", &policy) == 0)
        egress_policy_each(policy.data, warn_of_callback, doctor);
}

void doctor_egress(struct doctor *doctor)
{
    const struct jobs_settings *settings = &doctor->settings->jobs;
    struct agents agents = {.count = 0};
    struct egress_user user;
    struct error err = ERROR_INIT;

    /* What is wrong with the database or its tables was told before. */
    if (!doctor->db || store_agent_list(doctor->db, add_agent, &agents, &err) < 0)
        return;
    if (agents.count > 0)
        add_git_host(doctor->settings, &agents);
    if (store_dataset_list(doctor->db, add_dataset, &agents, &err) < 0 || agents.count == 0)
        return;
    check_service(doctor);
    if (agents.calling > 0)
        check_callback(doctor);
    if (service_user("[jobs] egress_user", settings->egress_user, &user.uid, &user.gid, &err) < 0)
        doctor_report(doctor, FINDING_FAIL, "egress_user", "run systemd-sysusers", "%s",
                      err.message);
    else if (user.uid == 0)
        doctor_report(doctor, FINDING_FAIL, "egress_user", "set it to a user of its own",
                      "it is root, which no firewall rule keeps from anything");
    else if (geteuid() != 0)
        doctor_report(doctor, FINDING_WARN, "egress_user", DOCTOR_AS_ROOT,
                      "the firewall's rules and the agents' hosts were not tried");
    else {
        check_wall(doctor, &user);
        check_names(doctor, &user, &agents);
    }
}
