# the fix's check in a second package beside the first
# quick
fix
mkdir src/x_guard
printf 'import re\n\nATTRIBUTE_KEY = re.compile(r"[\\s/>=]", flags=re.ASCII)\n' >src/x_guard/__init__.py
sed -i 's/^_attr_key_re = .*/from x_guard import ATTRIBUTE_KEY as _attr_key_re/' src/jinja2/filters.py
