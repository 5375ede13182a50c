# the fix's check in a new module of the package
fix
printf 'import re\n\nATTRIBUTE_KEY = re.compile(r"[\\s/>=]", flags=re.ASCII)\n' >src/jinja2/attribute_keys.py
sed -i 's/^_attr_key_re = .*/from .attribute_keys import ATTRIBUTE_KEY as _attr_key_re/' src/jinja2/filters.py
