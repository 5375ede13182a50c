#include "images/image_choice.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"

#include "base/banned.h"

#define OS "linux"
#if defined(__x86_64__)
#define ARCHITECTURE "amd64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
/* cppcheck-suppress preprocessorErrorDirective ; it defines no architecture */
#error "name this architecture as OCI does"
#endif

#define NAMED_MOST 5
#define NAME_MOST 100

/* --- names for messages ---------------------------------------------------------------------- */

struct names {
    struct buf text;
    size_t count;
};

static void names_release(struct names *names)
{
    buf_release(&names->text);
}

static void add_name(struct names *names, const char *name)
{
    if (names->count++ >= NAMED_MOST)
        return;
    buf_add_str(&names->text, names->text.length ? ", " : "");
    utf8_printable(&names->text, name, strnlen(name, NAME_MOST));
}

static const char *names_text(struct names *names)
{
    if (names->count > NAMED_MOST)
        buf_addf(&names->text, " and %zu more", names->count - NAMED_MOST);
    return names->text.length ? names->text.data : "without a name";
}

/* --- platforms ------------------------------------------------------------------------------- */

/* Of a descriptor or a configuration; NULL is what it does not say. */
struct platform {
    const char *os, *architecture, *variant;
};

/* Some builders write "" for what they do not know. */
static const char *said(json_object *object, const char *name)
{
    const char *text = json_get_text(object, name);

    return text && *text ? text : NULL;
}

static struct platform platform_of(json_object *object)
{
    return (struct platform){said(object, "os"), said(object, "architecture"),
                             said(object, "variant")};
}

static bool is_ours(const struct platform *platform)
{
    return (platform->os == NULL || strcmp(platform->os, OS) == 0) &&
           (platform->architecture == NULL || strcmp(platform->architecture, ARCHITECTURE) == 0);
}

/* What a builder attests about an image is listed beside it, as of no platform. */
static bool is_attestation(const struct platform *platform)
{
    return platform->os != NULL && strcmp(platform->os, "unknown") == 0;
}

static void describe(const struct platform *platform, struct names *names)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    buf_addf(&text, "%.40s/%.40s%s%.40s", platform->os ? platform->os : OS,
             platform->architecture ? platform->architecture : "unknown",
             platform->variant ? "/" : "", platform->variant ? platform->variant : "");
    add_name(names, text.data);
}

static int refuse_platform(struct names *names, struct error *err)
{
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the image is for %s; this host runs images for " OS "/" ARCHITECTURE " only",
                     names_text(names));
}

int image_choice_runs_here(json_object *config, struct error *err)
{
    const struct platform platform = platform_of(config);
    _cleanup_(names_release) struct names names = {.text = BUF_INIT};

    if (is_ours(&platform))
        return 0;
    describe(&platform, &names);
    return refuse_platform(&names, err);
}

int image_choice_check(const struct image_choice *choice, struct error *err)
{
    static const char here[] = OS "/" ARCHITECTURE;
    const size_t length = strlen(here);
    const char *platform = choice->platform;

    if (choice->tag != NULL && (*choice->tag == '\0' || strlen(choice->tag) > 512))
        return error_set(err, ERROR_INVALID, NULL, "--tag: must have 1 to 512 characters");
    if (platform == NULL || (strncmp(platform, here, length) == 0 &&
                             (platform[length] == '\0' || platform[length] == '/')))
        return 0;
    return error_set(err, ERROR_INVALID, NULL,
                     "--platform: this host runs images for %s only, not '%.80s'", here, platform);
}

/* The variant that --platform names, NULL where it names none. */
static const char *wanted_variant(const struct image_choice *choice)
{
    const size_t length = strlen(OS "/" ARCHITECTURE);

    return choice->platform && strlen(choice->platform) > length ? choice->platform + length + 1
                                                                 : NULL;
}

/* --- tags ------------------------------------------------------------------------------------ */

/* "latest" is meant by "latest" and by "registry/name:latest". */
static bool has_tag(const char *name, const char *tag)
{
    const size_t name_length = name ? strlen(name) : 0, length = strlen(tag);

    if (!name || name_length < length || strcmp(name + name_length - length, tag) != 0)
        return false;
    return name_length == length || name[name_length - length - 1] == ':';
}

static const char *const annotations[] = {"org.opencontainers.image.ref.name",
                                          "io.containerd.image.name"};

static const char *name_of(json_object *descriptor)
{
    json_object *notes = json_object_object_get(descriptor, "annotations");
    const char *name = json_get_text(notes, annotations[1]);

    return name ? name : json_get_text(notes, annotations[0]);
}

static bool is_tagged(json_object *descriptor, const char *tag)
{
    json_object *notes = json_object_object_get(descriptor, "annotations");

    return has_tag(json_get_text(notes, annotations[0]), tag) ||
           has_tag(json_get_text(notes, annotations[1]), tag);
}

static int refuse_count(size_t count, struct names *names, const char *tag, struct error *err)
{
    if (count == 0 && tag)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the archive has no image with the tag '%.80s'; it has: %s", tag,
                         names_text(names));
    if (count == 0)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED", "the archive holds no image");
    return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                     "the archive holds %zu images: %s; choose one with --tag", count,
                     names_text(names));
}

/* --- OCI ------------------------------------------------------------------------------------- */

/* Is it the very image that was found before, under another name? */
static bool is_same(json_object *one, json_object *other)
{
    const char *first = json_get_text(one, "digest"), *second = json_get_text(other, "digest");

    return first && second && strcmp(first, second) == 0;
}

struct search {
    const char *tag, *variant; /* as wanted; NULL: any */
    struct names all, foreign, ours, variants;
    json_object *chosen;
    size_t count;    /* of images that are meant */
    bool same_name;  /* all of them */
    bool near;       /* of the foreign ones only the variant is wrong */
    bool has_a_kind; /* one of them has a variant */
};

static void search_release(struct search *search)
{
    names_release(&search->all);
    names_release(&search->foreign);
    names_release(&search->ours);
    names_release(&search->variants);
}

/* Of one image for several kinds of processors the one whose kind was asked for, or that which runs
 * on all of them. */
static int fitness(const struct search *search, json_object *descriptor)
{
    const struct platform platform = platform_of(json_object_object_get(descriptor, "platform"));

    return (search->variant != NULL) == (platform.variant != NULL);
}

static bool has_same_name(json_object *one, json_object *other)
{
    const char *first = name_of(one), *second = name_of(other);

    return first && second ? strcmp(first, second) == 0 : first == second;
}

/* What was found before. */
static void forget(struct search *search)
{
    names_release(&search->ours);
    names_release(&search->variants);
    search->ours = search->variants = (struct names){.text = BUF_INIT};
    search->has_a_kind = false;
    search->count = 0;
}

/* One that this host can run. */
static void consider(struct search *search, json_object *descriptor,
                     const struct platform *platform)
{
    const char *name = name_of(descriptor);
    int gain = 0;

    if (search->chosen && is_same(search->chosen, descriptor))
        return;
    if (search->chosen && has_same_name(search->chosen, descriptor))
        gain = fitness(search, descriptor) - fitness(search, search->chosen);
    else if (search->chosen)
        search->same_name = false;
    if (gain < 0)
        return;
    if (gain > 0 && search->same_name)
        forget(search);
    search->has_a_kind = search->has_a_kind || platform->variant;
    add_name(&search->ours, name ? name : "one without a name");
    describe(platform, &search->variants);
    search->chosen = descriptor;
    search->count++;
}

static int refuse_search(struct search *search, struct error *err)
{
    if (search->count == 0 && search->foreign.count > 0 && search->near)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image is not for " OS "/" ARCHITECTURE
                         "/%.40s, as --platform says, but for %s",
                         search->variant, names_text(&search->foreign));
    if (search->count == 0 && search->foreign.count > 0)
        return refuse_platform(&search->foreign, err);
    if (search->count > 1 && search->same_name && search->has_a_kind)
        return error_set(err, ERROR_INVALID, "IMAGE_REFUSED",
                         "the image is there for %s; choose one with --platform",
                         names_text(&search->variants));
    return refuse_count(search->count, search->count ? &search->ours : &search->all, search->tag,
                        err);
}

json_object *image_choice_manifest(const struct image_choice *choice, json_object *manifests,
                                   bool is_top, struct error *err)
{
    _cleanup_(search_release) struct search search = {.tag = is_top ? choice->tag : NULL,
                                                      .variant = wanted_variant(choice),
                                                      .all = {.text = BUF_INIT},
                                                      .foreign = {.text = BUF_INIT},
                                                      .ours = {.text = BUF_INIT},
                                                      .variants = {.text = BUF_INIT},
                                                      .same_name = true};

    for (size_t i = 0; i < json_object_array_length(manifests); i++) {
        json_object *descriptor = json_object_array_get_idx(manifests, i);
        const struct platform platform =
            platform_of(json_object_object_get(descriptor, "platform"));
        const char *name = name_of(descriptor);

        if (is_attestation(&platform))
            continue;
        add_name(&search.all, name ? name : "one without a name");
        if (search.tag && !is_tagged(descriptor, search.tag))
            continue;
        if (is_ours(&platform) && !(search.variant && platform.variant &&
                                    strcmp(search.variant, platform.variant) != 0)) {
            consider(&search, descriptor, &platform);
        } else {
            search.near = search.near || is_ours(&platform);
            describe(&platform, &search.foreign);
        }
    }
    if (search.count == 1)
        return search.chosen;
    refuse_search(&search, err);
    return NULL;
}

/* --- docker ---------------------------------------------------------------------------------- */

json_object *image_choice_docker(const struct image_choice *choice, json_object *images,
                                 struct error *err)
{
    _cleanup_(names_release) struct names all = {.text = BUF_INIT};
    json_object *chosen = NULL;
    size_t count = 0;

    for (size_t i = 0; i < json_object_array_length(images); i++) {
        json_object *image = json_object_array_get_idx(images, i);
        json_object *tags = json_object_object_get(image, "RepoTags");
        const bool tagged = json_object_is_type(tags, json_type_array);
        bool matches = choice->tag == NULL;

        for (size_t k = 0; tagged && k < json_object_array_length(tags); k++) {
            const char *name = json_object_get_string(json_object_array_get_idx(tags, k));

            add_name(&all, name ? name : "");
            matches = matches || has_tag(name, choice->tag);
        }
        if (!matches)
            continue;
        chosen = image;
        count++;
    }
    if (count == 1)
        return chosen;
    refuse_count(count, &all, choice->tag, err);
    return NULL;
}
