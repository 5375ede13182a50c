# tests and a conftest.py of one's own
fix
printf 'def test_mine():\n    assert True\n' >tests/test_mine.py
printf '\n\ndef test_added(env):\n    assert env\n' >>tests/test_filters.py
printf '\n# a fixture of mine\n' >>tests/conftest.py
printf 'import pytest\n' >conftest.py
