"""Small Jinja templates, rendered by jinja2 in the environment that transformers sets up for chat templates.

    python make_templates.py        # needs only jinja2

Writes `text/src/test/resources/golden/templates.json`: template, and output or error. The templates are those below and
those in `more_templates.json`.
"""

import json
from pathlib import Path

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Hello, wörld ☕ 🦙!",
    "padded": "  \t two words \n",
    "csv": "a,b,,c",
    "lines": "one\ntwo\r\n\nthree\n",
    "html": "<b>\"it's\" & more</b>",
    "n": 7,
    "zero": 0,
    "f": 2.5,
    "flag": True,
    "nothing": None,
    "empty": [],
    "items": [3, 1, 2],
    "names": ["bob", "Alice", "carol", "Bob"],
    "d": {"b": 1, "A": 2, "c": {"x": [10, 20]}, "items": "shadow", "key with space": None},
    "people": [
        {"name": "Ann", "age": 30, "tags": ["x"], "address": {"city": "Oslo"}},
        {"name": "bob", "age": 25, "tags": [], "address": {"city": "Rome"}},
        {"name": "Cyd", "age": 30, "tags": ["y", "z"], "address": {"city": "Oslo"}},
        {"name": "Dee", "tags": None},
    ],
}

EXPRESSIONS = r"""
1 + 2 * 3 - 4 // 3 % 5
7 / 2
-7 // 2
-7 % 3
7.5 // 2
2 ** 10
-2 ** 2
2 ** 3 ** 2
10 ** 15
1e16
1.5e-7
100.0
0.1 + 0.2
1_000
1/3
n / zero
n % zero
-n|abs
-1|abs
+n
'a' + 'b' ~ 1 ~ none ~ true
'ab' * 3
[1] * 2 + [2]
(1, 2) + (3,)
'a' + 1
1 + 'a'
none + 'a'
[] + 'a'
missing
missing.x
missing + 'a'
'a' + missing
missing ~ 'a'
missing|length
missing|list
missing == other
missing == ''
missing|default('x')
''|default('x')
''|default('x', true)
none|default('x')
none|d('x', boolean=true)
missing is defined, s is defined, missing is undefined
1 if flag
1 if not flag
'a' if missing else 'b'
1 if zero else 2 if n else 3
1 == 1.0, true == 1, 'a' == 'a', none == none, [1,2] == [1,2], (1,) == [1]
1 < 2 < 3, 1 < 3 < 2, 'a' < 'b', [1, 2] < [1, 3]
1 < 'a'
none < 1
3 > 2 and 2 >= 2 or missing.x
not n == 8
'ell' in s, 'x' not in s, 1 in items, 'b' in d, 9 in (1, 2)
1 in 'abc'
1 in 5
1 in missing
s[0], s[-1], s[7:12], s[::-1], s[-2:], s[100:]
items[0], items[-1], items[9], items[1:], items[:-1], items[::-1], items[::2]
items[9] is defined
items['x'] is defined
d['b'], d.A, d.c.x[1], d.zzz is defined, d['key with space']
d.items is string, d['items']
d.c.x.0
d.b.zzz
d.nope.deeper
none.x
s.nope
n.x is defined
s|length, items|length, d|length
n|length
none|length
flag|length
s.upper(), s.lower(), 'hELLO wORLD'.title(), 'hELLO'.capitalize(), s|title, 'hELLO'|capitalize
padded.strip() ~ '|' ~ padded.lstrip() ~ '|' ~ padded.rstrip() ~ '|' ~ padded|trim
'xxaxx'.strip('x'), 'abcba'.lstrip('ab'), 'abcba'|trim('ab'), 'a\n\n'.rstrip('\n')
csv.split(','), csv.split(',', 1), csv.rsplit(',', 1), csv.split('zz'), padded.split(), '  a  b  c '.split(none, 1)
csv.split('')
lines.splitlines(), 'a\u2028b'.splitlines(), ''.splitlines()
s.startswith('He'), s.endswith(('?', '!')), s.startswith('x')
s.replace('l', 'L'), s.replace('l', 'L', 1), 'aaa'.replace('', '-'), 'abc'|replace('b', 'x')
s.find('l'), s.find('🦙'), s.find('zz'), s.rfind('l'), s.index('o'), s.count('l')
s.index('zz')
'-'.join(['a', 'b']), '-'.join([1])
'12'.isdigit(), 'a1'.isalnum(), ' '.isspace(), ''.isdigit(), 'AB'.isupper(), 'ab'.islower()
'prefix-x'.removeprefix('prefix-'), 'x.txt'.removesuffix('.txt')
'a-b-c'.partition('-'), 'abc'.partition('-')
items|join(', '), items|join, names|join('/'), people|join(',', attribute='name')
items|first, items|last, empty|first is defined, s|first
items|sort, items|sort(reverse=true), names|sort, names|sort(case_sensitive=true)
people[:3]|sort(attribute='age')|map(attribute='name')|list
people[:3]|sort(attribute='address.city,name')|map(attribute='name')|list
names|unique|list, items|reverse|list, s|reverse
items|sum, people[:3]|sum(attribute='age'), items|min, items|max, empty|max is defined, names|min
people|map(attribute='name')|list, people|map(attribute='age', default=0)|list, people[:2]|map(attribute='address.city')|join(',')
names|map('upper')|list, items|map('string')|join, [' a ', 'b ']|map('trim')|list, names|map('replace', 'b', 'B')|list
items|select('odd')|list, items|reject('odd')|list, [0, 1, '', 'x', none]|select|list, items|select('gt', 1)|list
people|selectattr('age')|map(attribute='name')|list
people|selectattr('age', 'defined')|selectattr('age', 'equalto', 30)|map(attribute='name')|join(' ')
people|rejectattr('tags')|map(attribute='name')|list
people|selectattr('name', 'in', ['Ann', 'Dee'])|list|length
items|select('odd') is iterable, items|select('odd') is sequence
items|nosuchfilter
items is nosuchtest
d|items|list
d.items()
d.keys()|list, d.values()|list|length, d|list
none|items|list
d.c|dictsort, d|dictsort|map('first')|list, {'b': 1, 'a': 2}|dictsort(by='value'), {'b': 1, 'a': 2}|dictsort(reverse=true)
'3'|int, '3.9'|int, 'x'|int, 'x'|int(-1), 2.9|int, none|int, 'ff'|int(base=16), true|int
'3.5'|float, 'x'|float, '1e3'|float, 5|float, ' 4 '|float
2.5|round, 3.5|round, 2.567|round(2), 2.1|round(method='ceil'), 2.9|round(method='floor'), 7|round
5|string + '!', none|string, true|string, 1.0|string, [1, 'a']|string
html|escape, html|e|length, html|safe
html|safe + '<i>'
'<i>' + ('<b>'|safe)
('<b>'|safe) ~ '<i>'
'<b>'|safe|upper, ('<b>'|safe).lower() + '<'
'a\nb\n\nc'|indent(2), 'a\nb'|indent(2, true), 'a\n\nb'|indent(1, blank=true), 'a\nb\n'|indent
'one two  three'|wordcount
'%s is %d and %05.2f, %-4s|%4s|%%'|format('x', 3, 2.5, 'a', 'b')
'%s' % 'x', '%d items' % 3, '%s %s' % (1, 'b'), '%r' % 'q'
'%d' % 'x'
d|tojson
people[0]|tojson(indent=2)
[]|tojson(indent=4), {}|tojson(indent=4), [1, [2, []]]|tojson(indent=1)
[1, 1.0, 1e20, 1e-5, true, none, 'é☕🦙\n"\\\u0007</script>']|tojson
[1, 'é🦙', '\x7f']|tojson(ensure_ascii=true)
{'b': 1, 'a': [1, 2]}|tojson(separators=(',', ':'), sort_keys=true)
{1: 2, none: 3}|tojson
missing|tojson
namespace(a=1)|tojson
items|tojson ~ (1, 2)|tojson
[1, 2.0, 'a', "it's", 'q"q', none, true, {'a': (1,)}, [], ()]
['\n\t\\', 'é', '\x00', '\u200b', '🦙']
{'a': 1, 'b': [1, {'c': none}]}
range(3)|list, range(2, 8, 3)|list, range(3, 0, -1)|list
range(100001)
dict(a=1, b='x'), dict([('a', 1)])
n is odd, n is even, n is divisibleby 7, n is divisibleby(2), 3 is in items, n is not none
n is number, f is number, flag is number, n is integer, flag is integer, f is float, flag is boolean, none is boolean
s is string, n is string, d is mapping, items is sequence, s is sequence, d is sequence, s is iterable, n is iterable, none is none
missing is iterable, missing is sequence, missing is mapping, missing is string, missing is none
s is upper, 'AB' is upper, 'ab' is lower, flag is true, flag is false, n is true, range is callable, s is callable
n is eq 7, n is ne 7, n is lt 8, n is ge 7, n is greaterthan 3, n is sameas 7, none is sameas none
'upper' is filter, 'zzz' is filter, 'odd' is test
n is not odd and s is defined
[1, 2,], (1,), {'a': 1,}, ()
'it''s', "a" 'b'
'\x41\u00e9\U0001F999\t\'\"\\ \q \101'
"{{ not a tag }} %}"
{'a': {'b': 1}}['a']['b'], {'a': {'b': {}}}
[[1, 2], [3]][0][1], ((1, 2), 3)[0]
items.append(4)
d.update({'x': 1})
d.pop('b')
s.__class__
''.__class__.__mro__
missing()
n()
d.get('b'), d.get('zz'), d.get('zz', 5), d.get('key with space', 'x')
items.index(2), items.count(1), items.index(99)
loop
(items|list).copy()
1 if flag else missing.x
flag and n, zero or s, zero and missing.x
s is string and n is number or missing
not missing, not not s
'a' 'b' ~ 'c'|upper
n|string|length
(n + 1)|string ~ '!'
d.c['x'][-1] + 1
"abc"[1], "abc"["x"] is defined
5[0] is defined
none[0] is defined
d[1] is defined
true + true
flag * 3
1 // 0.0
9223372036854775807 - 1
"" or "x"
items == items[::-1][::-1]
""" + "\n"

TEMPLATES = [
    "{% for i in items %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}:{{ i }};{% endfor %}",
    "{% for i in items %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }}{{ loop.previtem is defined }} {% endfor %}",
    "{% for i in items %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 1) }}{% endfor %}",
    "{% for i in empty %}x{% else %}none{% endfor %}{% for i in missing %}x{% else %}undefined{% endfor %}",
    "{% for i in n %}{% endfor %}",
    "{% for i in none %}{% endfor %}",
    "{% for k, v in d.c.items() %}{{ k }}={{ v }}{% endfor %}{% for k in d %}{{ k }},{% endfor %}",
    "{% for a, b in [(1, 2), [3, 4]] %}{{ a + b }} {% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    "{% for c in 'aé🦙' %}[{{ c }}]{% endfor %}",
    "{% for p in people if p.age == 30 %}{{ loop.index }}{{ p.name }}{{ loop.last }} {% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% elif i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in [1, 2] %}{% for j in [1, 2, 3] %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for i in [[1, [2, 3]], 4] recursive %}{{ loop.depth }}{% if i is sequence %}({{ loop(i) }}){% else %}{{ i }}{% endif %}{% endfor %}",
    "{% for i in items %}{{ loop(items) }}{% endfor %}",
    "{% set x = 1 %}{% for i in items %}{{ x }}{% set x = i %}{{ x }} {% endfor %}{{ x }}",
    "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% set ns = namespace(x=1, y=[]) %}{% for i in items %}{% set ns.x = ns.x + i %}{% set ns.y = ns.y + [i] %}{% endfor %}{{ ns.x }}{{ ns.y }}{{ ns.z is defined }}{{ ns['x'] }}",
    "{% set d.x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t }}{% set (p, q) = [3, 4] %}{{ p }}{{ q }}",
    "{% set x %}  block {{ n }} {% endset %}[{{ x }}]{% set y | upper | trim %} b {% endset %}[{{ y }}]",
    "{% set x %}<b>{% endset %}{{ x + '<' }}",
    "{% macro m(a, b=2, c=a) %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=5, a=4) }}{{ m() }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(z=2) }}",
    "{% macro m() %}{{ x }}{% endmacro %}{% set x = 5 %}{{ m() }}",
    "{% macro m() %}{% set x = 1 %}{{ x }}{{ n }}{% endmacro %}{{ m() }}{{ x is defined }}",
    "{% macro f(k) %}{{ k }}{% if k > 0 %}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro outer() %}[{{ caller('x') }}]{% endmacro %}{% call(v) outer() %}{{ v }}{{ n }}{% endcall %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}",
    "{% macro m(x) %} {{ x }} {% endmacro %}{{ m('<') ~ '<' }}{{ m('a')|trim }}{{ m(1)|length }}",
    "{% filter upper %}abc {{ n }}{% endfilter %}{% filter replace('a', 'b')|upper %}aaa{% endfilter %}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% set a = 5 %}{{ a }}{% endwith %}{{ a is defined }}",
    "{% raw %}{{ not }} {% this %}{% endraw %} x",
    "a {%- raw -%} {{ x }} {%- endraw -%} b",
    "{# comment #}a{#- comment -#} b {#  {{ x }} #}\nc",
    "a\n  {# c #}\nb\n  {% if true %}\n  c\n  {% endif %}\nd\n",
    "a\n  {%+ if true %}\n  c\n  {%+ endif +%}\nd\n\n",
    "a \n {%- if true -%} \n b \n {%- endif -%} \n c",
    "  {% if true %}x{% endif %}  \n  {{ n }}  \n",
    "  {{- n -}}  x  {{ n -}}\n\n y",
    "{% if true %}\n\n  x\n{% endif %}\n\n",
    "\n\n{% set x = 1 %}\n\n{{ x }}\n\n",
    "a {% set x = 1 %} b\n\t{% set y = 1 %}\tc",
    "{% if n > 5 and s %}{% if zero %}a{% elif f %}b{% else %}c{% endif %}{% else %}d{% endif %}",
    "{% if missing %}a{% elif none %}b{% elif empty %}c{% elif '' %}d{% elif 0.0 %}e{% else %}f{% endif %}",
    "{% generation %}abc{% set x = 1 %}{% endgeneration %}{{ x is defined }}",
    "{% for i in items %}{% generation %}{{ i }}{% endgeneration %},{% endfor %}",
    "{{ raise_exception('no ' ~ n) }}",
    "{{ 1 }}{% if %}",
    "{% if true %}",
    "{% endif %}",
    "{% nosuchtag %}",
    "{{ 1 + }}",
    "{{ (1 }}",
    "{{ 'abc }}",
    "{{ a b }}",
    "{{ 1 $ 2 }}",
    "{# open",
    "{% for in items %}{% endfor %}",
    "{{ f(a=1, 2) }}",
    "{{ s is string is string }}",
    "text } %} }} {",
    "{{ '}}' }}{{ '%}' }}{% set x = '%}' %}{{ x }}",
    "{{ {'a': 1}|length }}{{{'a': 1}}}",
    "{{\n  n\n  +\n  1\n}}",
    "line\r\nline\rline\n{{ 'a\r\nb' }}",
    "{{ s }}{{ padded }}",
    "{%- for p in people -%}\n{{ loop.index }}. {{ p.name }}{% if not loop.last %},\n{% endif %}\n{%- endfor -%}\n",
    "{{ [1, 2, 3]|map('string')|map('upper')|join(',') }}{{ [{'a': 1}, {'b': 2}]|map(attribute='a')|map('default', 'none')|join(',') }}",
    "{% set f = 'x'.upper %}{{ f() }}{% set g = d.get %}{{ g('b') }}",
    "{{ dict(*[[('a', 1)]], **{'b': 2}) }}{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(*[1, 2]) }}{{ m(**{'a': 3, 'b': 4}) }}",
]


class Generation(Extension):
    """The tag of transformers, without its bookkeeping: the body is a call block."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = to_json
    env.globals["raise_exception"] = raise_exception
    return env


def render(env, template):
    try:
        return {"template": template, "output": env.from_string(template).render(**VARIABLES)}
    except Exception as e:  # the error is the expected result
        return {"template": template, "error": f"{type(e).__name__}: {e}"}


def main():
    env = environment()
    templates = ["{{ " + line + " }}" for line in EXPRESSIONS.strip().split("\n")] + TEMPLATES
    templates += json.loads(Path(__file__).with_name("more_templates.json").read_text(encoding="utf-8"))
    golden = {
        "meta": {"jinja2": jinja2.__version__},
        "variables": VARIABLES,
        "renders": [render(env, template) for template in templates],
    }
    folder = Path(__file__).resolve().parents[2] / "text" / "src" / "test" / "resources" / "golden"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "templates.json", "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=True, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
