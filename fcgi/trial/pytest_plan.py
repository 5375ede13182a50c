# pytest_plan.py - what pytest is to run in a trial: spec.json in the current folder gives plan.json
# and, beside it, the test files of each run. Root's, before anything of the session is there.
#
# One run has all tests, as they are. In the small runs each test that must be mended runs alone with its like,
# under a random name of the same length. In some of these a failure is planted in it, drawn anew each
# time: then it must fail. All that tells such a run from another is what the test wants. Planting edits
# single places of the source text, so that lines, comments and all other bytes are where they were.
#
# Of the tests that must go on to pass, a sample is in two more runs: true in one, planted in the other. Both are
# rehearsed as the image has the code, file by file and test by test as they will be: what does not pass there where
# it is true, or passes where it is planted, does not count later, as it needs its name or what other tests leave. A
# rehearsal runs in a mirror of the repository, so that nothing is changed in that. What was rehearsed for an earlier
# trial of the same sample in the same image may be given: then the same failures are planted in the same tests, under
# new names, without a rehearsal.
#
# Nothing is planted in the run of all: tests that inherit a planted one, or come behind it, would fail, too.
#
# BUGS: tests that are made by a call or inherited (no `def`), or in files with carriage returns, only run
# with all others.
import ast
import hashlib
import json
import os
import random
import re
import shutil
import sys

NOISE_MOST = 2000  # bytes of a comment, so that a file's length says little
# Planted in 4 of these: whoever lies by chance must guess right each time, which comes to less than 1 %
# however the chances are set.
SMALL_RUNS = 7
KEPT_RUNS = (SMALL_RUNS, SMALL_RUNS + 1)
KEPT_MOST = 192  # functions of pass_to_pass in which failures are planted
KEPT_FILES = 2  # of those without tests that must be mended, as each costs the time to read it
REHEARSAL_SECONDS = 30  # behind which no test begins
REHEARSAL_MOST = 45  # seconds: then it is ended
MIRROR = "../mirror"
RECORD_FORMAT = 1  # of what a later planner may take over
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
    return b"\n#" + b" " * draw.randrange(NOISE_MOST) + b"\n"


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

        self.blanks = dict(self.find_blanks(self.tree.body))

    def digest(self):
        return hashlib.sha256(self.bytes).hexdigest()

    def find_blanks(self, body):
        """Of each test that nothing else in the file speaks of: an edit that empties it, lines kept."""
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from self.find_blanks(node.body)
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test") and \
                    self.text.count(node.name) == 1 and not getattr(node.body[0], "decorator_list", None):
                start, end = self.span(node.body[0])[0], self.span(node)[1]
                yield node, (start, end, "pass" + "\n" * self.bytes[start:end].count(b"\n"))

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


def edited(source, edits, at=0, last=None):
    text = []
    for start, end, new in sorted(edits):
        text += [source.bytes[at:start], new.encode("utf-8")]
        at = end
    return b"".join(text) + source.bytes[at:last]


def is_sound(source, function, edits):
    """Is what comes out another function that can be compiled?"""
    first = min([function.lineno, *(node.lineno for node in function.decorator_list)])
    start, end = source.starts[first - 1], source.span(function)[1]
    text = edited(source, edits, start, end)
    try:
        ast.parse(b"if 1:\n" + text if function.col_offset else text)
    except SyntaxError:
        return False
    return text != source.bytes[start:end]


# --- which functions the lists name ---

def locate(name, below):
    """tests/test_a.py::C::f[x], tests.test_a.C::f[x], or f (tests.test_a.C): the file, the classes, the function; None."""
    as_unittest = re.fullmatch(r"(\w+) \(([\w.]+)\)", name)
    if as_unittest:
        within = as_unittest[2].split(".")
        name = ".".join(within[:-1] if within[-1] == as_unittest[1] else within) + "::" + as_unittest[1]
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


def is_plain(node):
    """Does nothing but pytest decide how it is called?"""
    for decorator in node.decorator_list:
        name = decorator.func if isinstance(decorator, ast.Call) else decorator
        if not (isinstance(name, ast.Attribute) and isinstance(name.value, ast.Attribute) and name.value.attr == "mark"):
            return False
    return True


class Function:
    def __init__(self, key, source, plants=None):
        self.path, self.classes, self.name = key
        self.listed = []  # the parameters that the lists name, as pytest writes them
        self.kinds = {}  # by the number of the run: what is planted there; None is the true one
        node = find(source.tree, self.classes, self.name)
        if node is None:
            raise ValueError("no such function")
        self.node, self.is_plain = node, is_plain(node)
        self.plants = self.find_plants(source) if plants is None else plants
        start = source.bytes.index(self.name.encode(), source.starts[node.lineno - 1])
        # Whoever speaks of the function by its name would not find it any more.
        once = source.text.count(self.name) == 1 and self.name.startswith("test_")
        self.named = (start, start + len(self.name.encode())) if once else None

    def find_plants(self, source):
        """By their kinds: lists of edits, of which one is drawn."""
        plants = {}
        for kind, edits in plants_of(source, self.node):
            if is_sound(source, self.node, edits):
                plants.setdefault(kind, []).append(edits)
        return plants

    def draw_all(self):
        """It must be mended: it is in each of the small runs."""
        planted = (SMALL_RUNS + 1) // 2 if self.plants else 0
        kinds = list(self.plants)
        draw.shuffle(kinds)
        drawn = [kinds[at % len(kinds)] for at in range(planted)] + [None] * (SMALL_RUNS - planted)
        draw.shuffle(drawn)
        self.kinds = dict(enumerate(drawn))

    def draw_two(self):
        """It must go on to pass."""
        kind = draw.choice(list(self.plants))
        self.plants = {kind: [draw.choice(self.plants[kind])]}
        self.kinds = dict(zip(draw.sample(KEPT_RUNS, 2), (None, kind)))

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


class Functions:
    """All that the lists name, and the files that these are in."""

    def __init__(self):
        self.sources, self.by_key, self.unplanted = {}, {}, []

    def source(self, path):
        if path not in self.sources:
            self.sources[path] = Source(os.path.join("tree", path))
        return self.sources[path]

    def add(self, key, parameters):
        if key is None:
            raise ValueError("no such file")
        if key not in self.by_key:
            self.by_key[key] = Function(key, self.source(key[0]))
        self.by_key[key].listed.append(parameters)
        return self.by_key[key]

    def add_mended(self, names):
        for name in names:
            try:
                if not self.add(locate(name, "tree"), "".join(name.partition("[")[1:])).plants:
                    self.unplanted.append(name)
            except (ValueError, SyntaxError):
                self.unplanted.append(name)
        for function in self.by_key.values():
            function.draw_all()

    def add_kept(self, names):
        """Those in the files of what must be mended, and those of a few others."""
        files = {}
        for name in names:
            key = locate(name, "tree")
            if key and key not in self.by_key:
                files.setdefault(key[0], {}).setdefault(key, []).append("".join(name.partition("[")[1:]))
        near = [path for path in files if path in self.sources]
        others = [path for path in files if path not in self.sources]
        for path in near + draw.sample(others, min(KEPT_FILES, len(others))):
            self.add_some(files[path], KEPT_MOST // (1 if path in near else 4 * KEPT_FILES))

    def add_some(self, keys, most):
        for key in draw.sample(list(keys), min(len(keys), most)):
            try:
                for parameters in keys[key]:
                    function = self.add(key, parameters)
            except (ValueError, SyntaxError):
                continue
            if function.plants and function.is_plain:
                function.draw_two()
            else:
                del self.by_key[key]


    def kept(self):
        return [function for function in self.by_key.values() if any(run in function.kinds for run in KEPT_RUNS)]

    # What was drawn of the tests that must go on to pass, as a later trial can take it over.

    def tell_kept(self):
        kept = self.kept()
        return {"format": RECORD_FORMAT, "mended": len(self.by_key) - len(kept),
                "files": {path: self.sources[path].digest() for path in {function.path for function in kept}},
                "functions": [[function.path, function.classes, function.name, function.listed,
                               *next((run, kind, *function.plants[kind])
                                     for run, kind in function.kinds.items() if kind)] for function in kept]}

    def take_kept(self, told):
        """False: it is of other tests; nothing was done."""
        if told["format"] != RECORD_FORMAT or told["mended"] != len(self.by_key):
            return False
        sources = {path: self.sources.get(path) or Source(os.path.join("tree", path)) for path in told["files"]}
        if any(sources[path].digest() != digest for path, digest in told["files"].items()):
            return False
        self.sources.update(sources)
        for path, classes, name, listed, run, kind, edits in told["functions"]:
            function = Function((path, tuple(classes), name), sources[path], {kind: [list(map(tuple, edits))]})
            function.listed = listed
            function.kinds = dict(zip(KEPT_RUNS, (kind, None) if run == KEPT_RUNS[0] else (None, kind)))
            self.by_key[path, tuple(classes), name] = function
        return True


def files_of_tests(tests):
    """Of what is laid, that in which pytest is to look for tests."""
    return [path for path in tests if path.endswith(".py") or os.path.isdir(os.path.join("tree", path))]


def run_of_all(spec, functions):
    slots = [{"function": number, "id": function.node_id(function.name), "planted": None}
             for number, function in enumerate(functions)]
    return {"texts": {}, "tests": slots, "all": True, "arguments": files_of_tests(spec["tests"])}


def small_run(sources, chosen):
    """chosen: the functions' numbers, they themselves, what is planted in them."""
    edits, slots, here = {}, [], set()
    for number, function, kind in chosen:
        name, own = function.edits(kind)
        edits.setdefault(function.path, []).extend(own)
        here.add(function.node)
        slots.append({"function": number, "id": function.node_id(name), "planted": kind})
    for path, own in edits.items():  # what runs not is empty: most of a small run's time goes into reading its files
        own += [blank for node, blank in sources[path].blanks.items() if node not in here]
    texts = {path: edited(sources[path], own) + noise() for path, own in edits.items()}
    return {"texts": texts, "tests": slots, "all": False, "arguments": [slot["id"] for slot in slots]}


def small_runs(sources, functions, numbers):
    runs = [[(number, function, function.kinds[run]) for number, function in enumerate(functions)
             if run in function.kinds] for run in numbers]
    return [small_run(sources, chosen) for chosen in runs if chosen]


class Files:
    """What is beside the plan: a file for each text of a run."""

    def __init__(self):
        self.count = 0

    def add(self, text):
        name = str(self.count)
        with open(name, "wb") as file:
            file.write(text)
        os.chmod(name, 0o644)
        self.count += 1
        return name

    def lay(self, run):
        run["files"] = [[path, self.add(text)] for path, text in run.pop("texts").items()]


def add_command(run, spec, runner, repository, **more):
    style = "short" if run["all"] else "native"  # which is written in a fraction of the time
    options = json.dumps({**{name: spec[name] for name in ("path", "plugins", "compiled") if name in spec}, **more})
    # A planted failure must not be the end of the run, whatever the project's own options are.
    run["argv"] = [spec.get("python", "python3"), "-I", "-B", "-c", runner, repository, options,
                   "--rootdir", repository, "-p", "no:cacheprovider", "-q", f"--tb={style}", "--maxfail=0",
                    "--continue-on-collection-errors", *run.pop("arguments")]
    run["seconds"] = spec.get("timeout", 0)


def zygote_of(spec, runner, zygote):
    """With modules from where this process, which was started as a run is, would find them, but for the repository."""
    repository = os.path.realpath(spec["repository"])
    path = [entry for entry in sys.path if not (os.path.realpath(entry) + "/").startswith(repository + "/")]
    return {"argv": [sys.executable, "-I", "-S", "-B", "-c", zygote, runner, repository, json.dumps(path)]}


def link_below(repository, folder, tests):
    """The mirror of a folder: links to what is in it, but for the tests."""
    for name in os.listdir(os.path.join(repository, folder)):
        path = os.path.join(folder, name)
        original = os.path.join(repository, path)
        if path in tests or path == ".git":
            continue
        if not any(test.startswith(path + "/") for test in tests):
            os.symlink(original, os.path.join(MIRROR, path))
        elif os.path.isdir(original):
            os.mkdir(os.path.join(MIRROR, path))
            link_below(repository, path, tests)


def plan_rehearsals(spec, runs, runner):
    """Of these runs, which have been laid."""
    if not runs:
        return []
    os.mkdir(MIRROR)
    link_below(spec["repository"], "", [os.path.normpath(path) for path in spec["tests"]])
    rehearsals = [dict(run) for run in runs]
    for run in rehearsals:
        add_command(run, spec, runner, os.path.realpath(MIRROR), origin=spec["repository"], seconds=REHEARSAL_SECONDS)
        run["seconds"] = min(run["seconds"] or REHEARSAL_MOST, REHEARSAL_MOST)
    return rehearsals


def plan_runs(spec, functions, is_rehearsed, runner, files):
    found = list(functions.by_key.values())
    kept = small_runs(functions.sources, found, KEPT_RUNS)
    runs = small_runs(functions.sources, found, range(SMALL_RUNS)) + kept
    draw.shuffle(runs)
    runs.append(run_of_all(spec, found))  # the last: what it shows of the true tests comes too late
    for run in runs:
        files.lay(run)
    rehearsals = [] if is_rehearsed else plan_rehearsals(spec, kept, runner)
    for run in runs:
        add_command(run, spec, runner, spec["repository"])
    return {"runs": runs, "rehearsals": rehearsals}


def write(name, value):
    with open(name, "w", encoding="utf-8") as file:
        json.dump(value, file)


def main(runner, zygote=None):
    with open("spec.json", encoding="utf-8") as file:
        spec = json.load(file)
    lay_tests(spec["tests"])
    functions, files = Functions(), Files()
    functions.add_mended(spec["fail_to_pass"] + spec["held_out"])
    mended = len(functions.by_key)
    is_rehearsed = "rehearsed" in spec and functions.take_kept(spec["rehearsed"]["drawn"])
    if not is_rehearsed:
        functions.add_kept(spec.get("pass_to_pass", []))
    found = functions.by_key.values()
    plan = {
        **plan_runs(spec, functions, is_rehearsed, runner, files),
        "mended": mended,
        "zygote": zygote and zygote_of(spec, runner, zygote),
        "functions": [function.node_id(function.name) for function in found],
        "listed": [function.node_id(function.name) + one for function in found for one in function.listed],
        "files": [os.path.relpath(os.path.join(folder, name), "tree")
                  for folder, _, names in os.walk("tree") for name in names],
        "unplanted": functions.unplanted,
        "tests": list(spec["tests"]),
    }
    write("plan.json", plan)
    if is_rehearsed:
        write("rehearsed.json", spec["rehearsed"]["chosen"])
    elif len(found) > mended:
        write("drawn.json", functions.tell_kept())


if __name__ == "__main__":
    main(*sys.argv[1:])
