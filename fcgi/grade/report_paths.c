#include "grade/report_paths.h"

#include <string.h>

#include "base/cleanup.h"

#include "base/banned.h"

const char *const *grade_report_paths(const char *language)
{
    static const char *const python[] = {"report.xml", "test_reports/*.xml", NULL};
    /* Of every module of a build, wherever it lies. */
    static const char *const java[] = {"**/TEST-*.xml", "target/surefire-reports/*.xml",
                                       "build/test-results/test/*.xml", NULL};
    static const char *const javascript[] = {"test-results/junit.xml",
                                             "test-results/test-results.xml", "test-results.xml",
                                             "junit.xml", NULL};
    static const char *const go[] = {"test-results.xml", "go-test-report.xml", NULL};
    static const char *const rust[] = {"target/junit.xml", "target/nextest/*/junit.xml",
                                       "test-results.xml", NULL};
    static const char *const csharp[] = {"TestResults/*.xml", "TestResults/*.trx", NULL};
    static const char *const c[] = {"gtest_output.xml", "test-results.xml", "Testing/*/Test.xml",
                                    NULL};
    static const char *const any[] = {"report.xml",
                                      "test_reports/*.xml",
                                      "**/TEST-*.xml",
                                      "target/surefire-reports/*.xml",
                                      "build/test-results/test/*.xml",
                                      "test-results/junit.xml",
                                      "test-results/test-results.xml",
                                      "test-results.xml",
                                      "junit.xml",
                                      "go-test-report.xml",
                                      "target/junit.xml",
                                      "target/nextest/*/junit.xml",
                                      "TestResults/*.xml",
                                      "TestResults/*.trx",
                                      "gtest_output.xml",
                                      "Testing/*/Test.xml",
                                      NULL};
    static const struct {
        const char *language;
        const char *const *paths;
    } rows[] = {
        {"python", python},
        {"java", java},
        {"javascript", javascript},
        {"typescript", javascript},
        {"go", go},
        {"rust", rust},
        {"csharp", csharp},
        {"c#", csharp},
        {"c", c},
        {"c++", c},
        {"cpp", c},
    };

    for (size_t i = 0; language && i < ARRAY_SIZE(rows); i++)
        if (strcasecmp(language, rows[i].language) == 0)
            return rows[i].paths;
    return any;
}
