# reports are left where the verifier's are looked for
# plain
forge >report.xml
mkdir -p test_reports
forge >test_reports/junit.xml
touch -d '+1 hour' report.xml test_reports/junit.xml
