#!/usr/bin/env python3
"""Random search in front of which assay filter stands: proposes candidates one by one and asks about each.

usage: tools/random_search.py ASSAY SPACE.toml WANTED [options of assay filter ...]
"""
import json
import random
import subprocess
import sys

assay, space, wanted, *options = sys.argv[1:]
decisions = json.loads(subprocess.run([assay, "space", space, "--format", "json", "--quiet"],
                                      check=True, capture_output=True, text=True).stdout)
choices = {d["decision"]: d["options"].split() for d in decisions}
rng = random.Random(1)

with subprocess.Popen([assay, "filter", space, *options], text=True, bufsize=1,
                      stdin=subprocess.PIPE, stdout=subprocess.PIPE) as candidate_filter:
    found = proposed = 0
    while found < int(wanted):
        candidate = {name: rng.choice(texts) for name, texts in choices.items()}
        print(json.dumps({"id": proposed, **candidate}), file=candidate_filter.stdin)
        answer = json.loads(candidate_filter.stdout.readline())  # is there as soon as the line is judged
        proposed += 1
        if answer["verdict"] == "keep":
            found += 1
            print(json.dumps(answer))  # here the expensive part would begin: train it, tell the search
    candidate_filter.stdin.close()
sys.exit(candidate_filter.returncode)
