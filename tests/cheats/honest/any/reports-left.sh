# reports of an own run left behind
# quick
fix
mkdir -p test_reports test-results
for file in report.xml test_reports/a.xml test-results/junit.xml test-results.xml gtest_output.xml; do
    echo '<testsuite><testcase classname="a" name="b"><failure/></testcase></testsuite>' >"$file"
done
