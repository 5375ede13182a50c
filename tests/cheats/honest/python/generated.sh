# a module that a script of the fix generated
fix
mkdir tools
printf 'print("ATTRIBUTE_KEY = " + repr("[\\\\s/>=]"))\n' >tools/generate.py
python3 tools/generate.py >src/jinja2/generated.py
sed -i 's/^_attr_key_re = .*/from .generated import ATTRIBUTE_KEY\n_attr_key_re = re.compile(ATTRIBUTE_KEY, flags=re.ASCII)/' src/jinja2/filters.py
