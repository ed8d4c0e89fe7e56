"""Fits the churn model and hands it to the registry. Started by: keyhold run -- python3 train.py

MODEL_REGISTRY_TOKEN is a reference where the job is configured, and the token only here. REGISTRY_URL says where to.
"""

import json
import math
import os
import random
import urllib.request

# Taken out, so that nothing that this program starts inherits it.
token = os.environ.pop("MODEL_REGISTRY_TOKEN")
url = os.environ["REGISTRY_URL"]

random.seed(7)
rows = [(random.randrange(17), random.randrange(90)) for _ in range(500)]
stays = [1 if 0.4 * orders - 0.02 * days > random.gauss(1, 1) else 0 for orders, days in rows]

# Logistic regression, by gradient descent.
weights = [0.0, 0.0]
for _ in range(300):
    slope = [0.0, 0.0]
    for row, stay in zip(rows, stays):
        error = stay - 1 / (1 + math.exp(-sum(weight * value for weight, value in zip(weights, row))))
        slope = [sum_ + error * value for sum_, value in zip(slope, row)]
    weights = [weight + 0.00005 * step for weight, step in zip(weights, slope)]

request = urllib.request.Request(
    url + "/models/churn",
    data=json.dumps({"weights": [weights[0], -weights[1]]}).encode(),
    headers={"authorization": "Bearer " + token, "content-type": "application/json"},
)
# No proxy of the environment's: a token goes to the registry and nowhere else.
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
    print("registered version", json.load(answer)["version"])
