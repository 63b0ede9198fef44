"""One module per Lambda function: parse the event, call the domain, render the answer."""

import gc
import os

if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    gc.disable()  # what INIT makes stays: looking for garbage in it would find none (see handlers/start.py)
