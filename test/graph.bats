# pype graph: the same graph as text, for Graphviz, for Mermaid, as SVG.

load lib

# A graph with everything: several sources and readers, events, settings, an edge over several columns, awkward texts.
prepare() {
    cat >flow.yaml <<'END'
flow: quotes
pipelines:
  fan:
    stages:
      source: 'pype-rest --every 1s "http://localhost/<a>&b?\c"'
      price: {run: "pype-jq '{event: \"price\", time}'", from: source.data}
      gaps: {run: "cat\n | cat -n  ", from: [source.gone, price.error], delivery: durable, when_full: spill}
      csv: {run: pype-csv -o x.csv, from: price}
      clock: pype-cron --every 1s
      all: {run: cat, from: [clock, gaps, csv, source.up, source.down]}
  odd:
    protocol: sync
    stages:
      a: pype-cron --once
      b: {run: pype-csv, from: ['a."<|>&`#\é', 'a. ', "a.\e[31m\n"]}
  line: {run: "pype-cron --once | pype-jq . | pype-csv"}
END
}

@test "text: a tree from each source, a stage once" {
    run -0 pype graph
    diff - <(echo "$output") <<'END'
fan:
source                               pype-rest --every 1s "http://localhost/<a>&b?\c"
├─ price [data]                      pype-jq '{event: "price", time}'
│  ├─ gaps [error] (durable, spill)  cat | cat -n
│  │  └─ all                         cat
│  └─ csv                            pype-csv -o x.csv
│     └─ all ↑
├─ gaps [gone] (durable, spill) ↑
└─ all [up, down] ↑
clock                                pype-cron --every 1s
└─ all ↑

odd:
a                                    pype-cron --once
└─ b ["<|>&`#\é, ' ', ?[31m] (sync)  pype-csv

line:
cron       pype-cron --once
└─ jq      pype-jq .
   └─ csv  pype-csv
END
}

@test "text: ASCII where the terminal has no more" {
    run -0 env LC_ALL=C pype graph --only odd --only line --format text
    diff - <(echo "$output") <<'END'
odd:
a                                    pype-cron --once
`- b ["<|>&`#\?, ' ', ?[31m] (sync)  pype-csv

line:
cron       pype-cron --once
`- jq      pype-jq .
   `- csv  pype-csv
END
}

@test "text: commands are cut at the edge of the terminal" {
    run -0 script -qec 'stty cols 50; pype graph --only fan' /dev/null
    lines=("${lines[@]%$'\r'}")
    [ "${lines[1]}" = 'source                               pype-rest --…' ]
    [ "${lines[5]}" = '│  └─ csv                            pype-csv -o …' ]
    for line in "${lines[@]}"; do [ ${#line} -le 50 ]; done
}

@test "dot: what Graphviz wants" {
    run -0 pype graph -f dot
    dot=$output
    [ "${lines[0]}" = 'digraph "quotes" {' ]
    [ "${lines[-1]}" = '}' ]
    [ "$(grep -c ' -> ' <<<"$dot")" = 11 ]
    [ "$(grep -c 'subgraph cluster_' <<<"$dot")" = 3 ]
    grep -qF 'p0s0 [label="source", style=rounded, tooltip="pype-rest --every 1s \"http://localhost/<a>&b?\\c\""]' <<<"$dot"
    grep -qF 'p0s0 -> p0s2 [label="gone (durable, spill)"]' <<<"$dot"
    grep -qF $'\t\tp0s1 -> p0s3' <<<"$dot"
    grep -qF 'p1s0 -> p1s1 [label="\"<|>&`#\\é, '"' '"', ?[31m (sync)"]' <<<"$dot"
    # Quotes are closed in each line, brackets and braces in the whole.
    bare=$(sed -E 's/\\.//g; s/"[^"]*"//g' <<<"$dot")
    [[ $bare != *'"'* ]]
    [ "$(tr -cd '{' <<<"$bare" | wc -c)" = "$(tr -cd '}' <<<"$bare" | wc -c)" ]
    run ! grep -vE '^(digraph  \{|\}|	rankdir=LR|	(node|edge) \[.*\]|	subgraph cluster_[0-9]+ \{|	\}|		label=|		p[0-9]+s[0-9]+( -> p[0-9]+s[0-9]+)?( \[[a-z=, ]*\])?)$' <<<"$bare"
    if command -v dot >/dev/null; then
        dot -Tsvg <<<"$dot" >out.svg 2>err
        [ ! -s err ]
        [ "$(grep -c 'class="edge"' out.svg)" = 11 ]
    fi
}

@test "mermaid: what Mermaid wants" {
    run -0 pype graph --format=mermaid
    [ "${lines[0]}" = 'flowchart LR' ]
    [ "$(grep -c -e '-->' <<<"$output")" = 11 ]
    [ "$(grep -c '^    subgraph p' <<<"$output")" = "$(grep -c '^    end$' <<<"$output")" ]
    grep -qxF '        p0s0(["source"])' <<<"$output"
    grep -qxF '        p0s1["price"]' <<<"$output"
    grep -qxF '        p0s1 --> p0s3' <<<"$output"
    grep -qxF '        p0s0 -->|"up, down"| p0s5' <<<"$output"
    grep -qxF '        p1s0 -->|"#quot;#lt;#124;#gt;#amp;#96;#35;#92;é, '"' '"', ?[31m (sync)"| p1s1' <<<"$output"
    run ! grep -vE '^(flowchart LR|    subgraph p[0-9]+\["[a-z]+"\]|    end|        p[0-9]+s[0-9]+(\["[a-z]+"\]|\(\["[a-z]+"\]\)| -->(\|"[^"|<>&`\\]*"\|)? p[0-9]+s[0-9]+))$' <<<"$output"
}

@test "svg: whole XML, every stage and edge in it, no stage on another, all inside" {
    pype graph -f svg >out.svg
    cat >check.py <<'END'
import re, sys, xml.etree.ElementTree as tree
ns = "{http://www.w3.org/2000/svg}"
root = tree.parse("out.svg").getroot()
assert root.tag == ns + "svg" and root.get("viewBox") == "0 0 %s %s" % (root.get("width"), root.get("height"))
width, height = float(root.get("width")), float(root.get("height"))
names, titles, labels, commands, boxes, ends, edges = [], [], [], [], [], [], 0
for g in root.findall(ns + "g"):
    top = float(re.fullmatch(r"translate\(0 (\d+)\)", g.get("transform"))[1])
    for text in g.iter(ns + "text"):
        {"name": names, "title": titles, "label": labels, "command": commands}[text.get("class")].append(text.text)
    own = []
    for stage in g.findall(ns + "g"):
        box = stage.find(ns + "rect")
        x, y, w, h = (float(box.get(k)) for k in ("x", "y", "width", "height"))
        own.append((x, y + top, x + w, y + top + h))
    for path in g.findall(ns + "path"):
        edges += 1
        numbers = [float(n) for n in re.findall(r"[-\d.]+", path.get("d"))]
        start, end = (numbers[0], numbers[1] + top), (numbers[-2] + 7, numbers[-1] + top)
        assert any(b[2] == start[0] and (b[1] + b[3]) / 2 == start[1] for b in own), start
        assert any(b[0] == end[0] and (b[1] + b[3]) / 2 == end[1] for b in own), end
        assert start[0] < end[0]
    boxes += own
for i, a in enumerate(boxes):
    assert 0 <= a[0] and a[2] <= width and 0 <= a[1] and a[3] <= height, a
    for b in boxes[:i]:
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
assert edges == int(sys.argv[1]), edges
print(*titles)
print(*sorted(names))
print(*sorted(labels), sep="\n")
print(*sorted(t.text for t in root.iter(ns + "title") if "rest" in t.text))
END
    run -0 "$PYTHON" check.py 11
    diff - <(echo "$output") <<'END'
fan odd line
a all b clock cron csv csv gaps jq price source
"<|>&`#\é, ' ', ?[31m (sync)
data
error (durable, spill)
gone (durable, spill)
up, down
pype-rest --every 1s "http://localhost/<a>&b?\c"
END
    # Large ones too, and those with too many edges for a way around.
    for readers in 2 40; do
        {
            echo 'pipelines: {p: {stages: {s0: cat,'
            for ((i = 1; i < 200; i++)); do
                echo -n "s$i: {run: cat, from: ["
                for ((j = i > readers ? i - readers : 0; j < i; j++)); do echo -n "s$j,"; done
                echo ']},'
            done
            echo '}}}'
        } >flow.yaml
        pype graph -f svg >out.svg
        run -0 "$PYTHON" check.py "$(grep -o 's[0-9]*,' flow.yaml | wc -l)"
    done
    # What XML cannot hold.
    printf 'pipelines: {p: {stages: {a: "x\\x01\\uFFFE\\uFFFF", b: {run: cat, from: "a.\\x01\\uFFFF"}}}}' >flow.yaml
    pype graph -f svg >out.svg
    "$PYTHON" check.py 1
}

@test "mistakes, unknown pipelines and formats, no space" {
    run -2 pype graph -f png
    [[ $output == "pype graph: fatal: "*text*svg* ]]
    run -2 pype graph --only fam
    [[ $output == *"the flow has no pipeline 'fam', did you mean 'fan'?"* ]]
    run -1 sh -c 'pype graph >/dev/full'
    [[ $output == "pype graph: fatal: cannot write to standard output: "* ]]
    echo 'flow: x' >bad.yaml
    run_split -2 pype graph bad.yaml
    [ "$output" = "" ]
    [ "$stderr" = "bad.yaml:1:1: there are no 'pipelines'" ]
    run -2 pype graph a b
    [ "$(pype graph --only line - <flow.yaml)" = "$(pype graph --only line)" ]
}
