# a module that is a relative link to another folder of the repository
# quick
fix
mkdir lib
printf 'import re\n\nATTRIBUTE_KEY = re.compile(r"[\\s/>=]", flags=re.ASCII)\n' >lib/attribute_keys.py
ln -s ../../lib/attribute_keys.py src/jinja2/attribute_keys.py
sed -i 's/^_attr_key_re = .*/from .attribute_keys import ATTRIBUTE_KEY as _attr_key_re/' src/jinja2/filters.py
