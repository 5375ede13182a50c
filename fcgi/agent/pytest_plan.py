# pytest_plan.py - what pytest is to run in a trial: spec.json in the current folder gives plan.json
# and, beside it, the test files of each run. Root's, before anything of the session is there.
#
# One run has all tests, as they are. In the small runs each test that must be mended runs alone with its like,
# under a random name of the same length. In some of these a failure is planted in it, drawn anew each
# time: then it must fail. All that tells such a run from another is what the test wants. Planting edits
# single places of the source text, so that lines, comments and all other bytes are where they were.
#
# Nothing is planted in the run of all: tests that inherit a planted one, or come behind it, would fail, too.
#
# BUGS: tests that are made by a call or inherited (no `def`), or in files with carriage returns, only run
# with all others.
import ast
import json
import os
import random
import shutil

NOISE_MOST = 2000  # bytes of a comment, so that a file's length says little
# Planted in 4 of these: whoever lies by chance must guess right each time, which comes to less than 1 %
# however the chances are set.
SMALL_RUNS = 7
draw = random.SystemRandom()

# Exceptions that stand in for one that is awaited: as plausible, and hardly any exception is both.
SIBLINGS = {
    "ValueError": ("TypeError", "KeyError", "IndexError"),
    "TypeError": ("ValueError", "KeyError", "IndexError"),
    "KeyError": ("ValueError", "TypeError"),
    "IndexError": ("ValueError", "TypeError"),
    "AttributeError": ("ValueError", "TypeError"),
    "RuntimeError": ("ValueError", "TypeError"),
    "NotImplementedError": ("ValueError", "TypeError"),
    "AssertionError": ("ValueError", "TypeError"),
}
# Those that projects' own exceptions are not derived from, nor are they derived from what tests await.
LEAVES = ("BufferError", "EOFError", "FloatingPointError", "ZeroDivisionError")
# What is awaited by these may be anything.
WIDE = ("Exception", "BaseException", "ArithmeticError", *LEAVES)
SWAPPED_METHODS = {"assertTrue": "assertFalse", "assertEqual": "assertNotEqual", "assertIn": "assertNotIn",
                   "assertIs": "assertIsNot", "assertIsNone": "assertIsNotNone",
                   "assertIsInstance": "assertNotIsInstance", "assertAlmostEqual": "assertNotAlmostEqual",
                   "assertRegex": "assertNotRegex"}
SWAPPED_METHODS.update({new: old for old, new in SWAPPED_METHODS.items()})
SWAPPED_OPERATORS = {ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not", ast.IsNot: "is", ast.In: "not in",
                     ast.NotIn: "in", ast.Lt: ">=", ast.GtE: "<", ast.Gt: "<=", ast.LtE: ">"}


def word(length=8):
    return "".join(draw.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(length))


def noise():
    return b"\n#" + word(draw.randrange(NOISE_MOST)).encode() + b"\n"


class Source:
    """A test file: its bytes, and where the nodes of its tree are in them."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.bytes = file.read()
        if b"\r" in self.bytes:
            raise ValueError("carriage returns")
        self.text = self.bytes.decode("utf-8")
        self.tree = ast.parse(self.text)
        self.starts = [0]
        for line in self.bytes.split(b"\n"):
            self.starts.append(self.starts[-1] + len(line) + 1)

    def span(self, node):
        return (self.starts[node.lineno - 1] + node.col_offset,
                self.starts[node.end_lineno - 1] + node.end_col_offset)

    def of(self, node):
        start, end = self.span(node)
        return self.bytes[start:end].decode("utf-8")

    def between(self, left, right):
        return self.span(left)[1], self.span(right)[0]


# --- values that are near others ---

def near_number(value):
    digits = str(abs(value))
    for _ in range(50):
        other = "".join(draw.choice("0123456789" if at else "123456789") for at in range(len(digits)))
        if other != digits and not (len(digits) == 1 and other in "01"):
            return other
    return None


def near_text(literal, value):
    """The literal with one letter or digit exchanged: a value of the same type and length."""
    for _ in range(80):
        at = draw.randrange(len(literal))
        old = literal[at]
        if not (old.isascii() and old.isalnum()):
            continue
        pool = "0123456789" if old.isdigit() else "abcdefghijklmnopqrstuvwxyz"
        new = draw.choice(pool)
        new = new.upper() if old.isupper() else new
        changed = literal[:at] + new + literal[at + 1:]
        try:
            other = ast.literal_eval(changed)
        except (SyntaxError, ValueError):
            continue
        if type(other) is type(value) and len(other) == len(value) and \
                sum(a != b for a, b in zip(other, value)) == 1:
            return changed
    return None


def near(source, node):
    """Text in place of a literal, or None."""
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            return "False" if value else "True"
        if isinstance(value, int):
            return near_number(value) if source.of(node).isdigit() else None
        if isinstance(value, (str, bytes)) and value:
            return near_text(source.of(node), value)
    return None


def leaves(node):
    """The literals that a value of literals is made of."""
    if isinstance(node, ast.Constant):
        return [node]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [leaf for item in node.elts for leaf in leaves(item)]
    if isinstance(node, ast.Dict):
        return [leaf for item in node.values for leaf in leaves(item)]
    return []


def is_literal(node):
    if isinstance(node, (ast.List, ast.Tuple)):
        return all(map(is_literal, node.elts))
    if isinstance(node, ast.Dict):
        return all(key and is_literal(key) for key in node.keys) and all(map(is_literal, node.values))
    return isinstance(node, ast.Constant)


def near_edits(source, node):
    edits = [(*source.span(leaf), near(source, leaf)) for leaf in (leaves(node) if is_literal(node) else [])]
    return [("expected", [edit]) for edit in edits if edit[2] is not None]


# --- what can be planted ---

def plants_of_compare(source, test):
    left, operator, right = test.left, test.ops[0], test.comparators[0]
    plants = []
    if isinstance(operator, ast.Eq) and is_literal(left) != is_literal(right):
        plants = near_edits(source, left if is_literal(left) else right)
    if isinstance(operator, ast.In) and isinstance(left, ast.Constant) and isinstance(left.value, str) and \
            len(left.value) >= 8 and isinstance(right, (ast.Name, ast.Attribute, ast.Call)):
        plants = near_edits(source, left)
    start, end = source.between(left, right)
    gap = source.bytes[start:end].decode("utf-8")
    if gap.strip(" ()") in ("==", "!=", "is", "is not", "in", "not in", "<", ">", "<=", ">="):
        plants.append(("negated", [(start, end, gap.replace(gap.strip(" ()"), SWAPPED_OPERATORS[type(operator)]))]))
    return plants


def plants_of_assert(source, statement):
    test = statement.test
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return plants_of_compare(source, test)
    start, end = source.span(test)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return [("negated", [(start, start + 3, "bool")])] if source.bytes[start + 3:start + 4] == b"(" else \
            [("negated", [(start, start + 3, "   ")])]
    if b"\n" in source.bytes[start:end] and source.bytes[start - 1:start] != b"(":
        return []
    return [("negated", [(start, start, "not ("), (end, end, ")")])]


def plants_of_method(source, call):
    name, plants = call.func.attr, []
    if name == "assertEqual" and len(call.args) >= 2 and is_literal(call.args[0]) != is_literal(call.args[1]):
        plants = near_edits(source, call.args[0] if is_literal(call.args[0]) else call.args[1])
    if name in SWAPPED_METHODS:
        end = source.span(call.func)[1]
        plants.append(("negated", [(end - len(name), end, SWAPPED_METHODS[name])]))
    return plants


def is_call_of(item, *names):
    call = item.context_expr
    return isinstance(call, ast.Call) and \
        (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) in names


def is_raises(item):
    return is_call_of(item, "raises", "assertRaises", "assertRaisesRegex") and item.context_expr.args


def is_simple(statement):
    return isinstance(statement, (ast.Expr, ast.Assign, ast.AugAssign, ast.Assert, ast.Raise, ast.Delete, ast.Pass))


def plants_of_raises(source, statement, item):
    call = item.context_expr
    awaited = source.of(call.args[0])
    if awaited in WIDE or not isinstance(call.args[0], (ast.Name, ast.Attribute)) or \
            not awaited.rpartition(".")[2][:1].isupper():
        return []  # a variable, or several: whether another one is among them can't be told
    others = SIBLINGS.get(awaited, LEAVES)
    other = draw.choice(others)
    plants = [("awaited", [(*source.span(call.args[0]), other)])]
    for match in [keyword.value for keyword in call.keywords if keyword.arg == "match"]:
        plants += near_edits(source, match)
    first = statement.body[0]
    if is_simple(first):
        start = source.span(first)[0]
        plants.append(("raised", [(start, start, f"raise {draw.choice(others)}({word()!r}); ")]))
    return plants


def own_nodes(node):
    """What is in a statement, but for what is in functions and classes that it defines."""
    yield node
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        for child in ast.iter_child_nodes(node):
            yield from own_nodes(child)


def may_leave(statement):
    return any(isinstance(node, (ast.Return, ast.Yield, ast.YieldFrom)) for node in own_nodes(statement))


def surely(body):
    """The statements that are executed whenever the function is and nothing fails before."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.With) and all(is_call_of(item, "warns") for item in statement.items):
            yield from surely(statement.body)  # what else a `with` does to an exception can't be told
        if may_leave(statement):
            return


def plants_of(source, function):
    plants = []
    for statement in surely(function.body):
        if isinstance(statement, ast.Assert):
            plants += plants_of_assert(source, statement)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and \
                isinstance(statement.value.func, ast.Attribute):
            plants += plants_of_method(source, statement.value)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                if is_raises(item):
                    plants += plants_of_raises(source, statement, item)
    first, last = function.body[0], function.body[-1]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(function.body) > 1:
        first = function.body[1]
    if is_simple(first):
        start = source.span(first)[0]
        plants.append(("begins", [(start, start, f"assert {word()!r} in {word(16)!r}; ")]))
    if is_simple(last) and last is not first and not isinstance(last, ast.Raise) and \
            not any(map(may_leave, function.body)):
        end = source.span(last)[1]
        plants.append(("ends", [(end, end, f"; assert {word()!r} in {word(16)!r}")]))
    return plants


def edited(source, edits):
    text, at = [], 0
    for start, end, new in sorted(edits):
        text += [source.bytes[at:start], new.encode("utf-8")]
        at = end
    return b"".join(text) + source.bytes[at:]


def is_sound(source, plant):
    """Is what comes out another text that can be compiled?"""
    text = edited(source, plant[1])
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return text != source.bytes


# --- which functions the lists name ---

def locate(name, below):
    """tests/test_a.py::C::f[x] or tests.test_a.C::f[x]: the file, the classes, the function; None."""
    first, *rest = name.partition("[")[0].split("::")
    if first.endswith(".py"):
        path, classes = first, []
    else:
        dotted = first.split(".")
        for count in range(len(dotted), 0, -1):
            path, classes = "/".join(dotted[:count]) + ".py", dotted[count:]
            if os.path.isfile(os.path.join(below, path)):
                break
    if not rest or not os.path.isfile(os.path.join(below, path)) or ".." in path.split("/"):
        return None
    return path, (*classes, *rest[:-1]), rest[-1]


def find(tree, classes, name):
    body = tree.body
    for part in classes:
        body = next((node.body for node in reversed(body) if isinstance(node, ast.ClassDef) and node.name == part), [])
    return next((node for node in reversed(body)
                 if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name), None)


class Function:
    def __init__(self, key, source):
        self.path, self.classes, self.name = key
        self.listed = []  # the parameters that the lists name, as pytest writes them
        node = find(source.tree, self.classes, self.name)
        if node is None:
            raise ValueError("no such function")
        self.plants = {}
        for plant in plants_of(source, node):
            if is_sound(source, plant):
                self.plants.setdefault(plant[0], []).append(plant[1])
        start = source.bytes.index(self.name.encode(), source.starts[node.lineno - 1])
        # Whoever speaks of the function by its name would not find it any more.
        once = source.text.count(self.name) == 1 and self.name.startswith("test_")
        self.named = (start, start + len(self.name.encode())) if once else None

    def draw_runs(self, count):
        """What is planted in each of the runs: None is the true one."""
        if not self.plants:
            return [None] * count
        kinds = list(self.plants)
        draw.shuffle(kinds)
        planted = (count + 1) // 2
        drawn = [kinds[at % len(kinds)] for at in range(planted)] + [None] * (count - planted)
        draw.shuffle(drawn)
        return drawn

    def edits(self, kind):
        edits = list(draw.choice(self.plants[kind])) if kind else []
        name = self.name
        if self.named:
            name = "test_" + word(max(len(self.name) - 5, 8))
            edits.append((*self.named, name))
        return name, edits

    def node_id(self, name):
        return "::".join((self.path, *self.classes, name))


# --- the plan ---

def lay_tests(tests):
    for to, origin in tests.items():
        target = os.path.join("tree", to)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(origin):
            shutil.copytree(origin, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy2(origin, target)


def find_functions(names):
    sources, functions, unplanted = {}, {}, []
    for name in names:
        key = locate(name, "tree")
        try:
            if key is None:
                raise ValueError("no such file")
            if key[0] not in sources:
                sources[key[0]] = Source(os.path.join("tree", key[0]))
            if key not in functions:
                functions[key] = Function(key, sources[key[0]])
            functions[key].listed.append("".join(name.partition("[")[1:]))
            if not functions[key].plants:
                unplanted.append(name)
        except (ValueError, SyntaxError):
            unplanted.append(name)
    return sources, list(functions.values()), unplanted


def files_of_tests(tests):
    """Of what is laid, that in which pytest is to look for tests."""
    return [path for path in tests if path.endswith(".py") or os.path.isdir(os.path.join("tree", path))]


def run_of_all(spec, functions):
    slots = [{"function": number, "id": function.node_id(function.name), "planted": None}
             for number, function in enumerate(functions)]
    return {"texts": {}, "tests": slots, "all": True, "arguments": files_of_tests(spec["tests"])}


def small_run(sources, functions, kinds):
    edits, slots = {path: [] for path in sources}, []
    for number, (function, kind) in enumerate(zip(functions, kinds)):
        name, own = function.edits(kind)
        edits[function.path] += own
        slots.append({"function": number, "id": function.node_id(name), "planted": kind})
    texts = {path: edited(sources[path], own) + noise() for path, own in edits.items()}
    return {"texts": texts, "tests": slots, "all": False, "arguments": [slot["id"] for slot in slots]}


def plan_runs(spec, sources, functions, runner):
    drawn = [function.draw_runs(SMALL_RUNS) for function in functions]
    runs, files = [small_run(sources, functions, kinds) for kinds in zip(*drawn)], 0
    runs.append(run_of_all(spec, functions))  # the last: what it shows of the true tests comes too late
    options = json.dumps({name: spec[name] for name in ("path", "plugins") if name in spec})
    for run in runs:
        run["files"], run["seconds"] = [], spec.get("timeout", 0)
        for path, text in run.pop("texts").items():
            with open(str(files), "wb") as file:
                file.write(text)
            os.chmod(str(files), 0o644)
            run["files"].append([path, str(files)])
            files += 1
        # A planted failure must not be the end of the run, whatever the project's own options are.
        run["argv"] = [spec.get("python", "python3"), "-I", "-B", "-c", runner, spec["repository"], options,
                       "--rootdir", spec["repository"], "-p", "no:cacheprovider", "-q", "--tb=short", "--maxfail=0",
                       "--continue-on-collection-errors", *run.pop("arguments")]
    return runs


def main(runner):
    with open("spec.json", encoding="utf-8") as file:
        spec = json.load(file)
    lay_tests(spec["tests"])
    sources, functions, unplanted = find_functions(spec["fail_to_pass"] + spec["held_out"])
    plan = {
        "runs": plan_runs(spec, sources, functions, runner),
        "functions": [function.node_id(function.name) for function in functions],
        "listed": [function.node_id(function.name) + one for function in functions for one in function.listed],
        "files": [os.path.relpath(os.path.join(folder, name), "tree")
                  for folder, _, names in os.walk("tree") for name in names],
        "unplanted": unplanted,
        "tests": list(spec["tests"]),
    }
    with open("plan.json", "w", encoding="utf-8") as file:
        json.dump(plan, file)


if __name__ == "__main__":
    import sys
    main(sys.argv[1])
