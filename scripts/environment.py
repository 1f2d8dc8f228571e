"""Make the virtual environment and install a lock file into it: `environment.py requirements.lock`.

Runs on whatever Python there is, so that one that is too old, or a Debian without python3-venv, gets a sentence that
names the cure and not a traceback. Does nothing when the lock is installed already.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(FOLDER, "bin", "python")
NEEDED = (3, 11)
RUNTIME = "requirements.lock"
DEVELOPMENT = "requirements-dev.lock"


def main(lock):
    """Bring the environment to the state that the lock file names."""
    if sys.version_info < NEEDED:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(
            "Python 3.11 or newer is needed, this is %s: name a newer one (`make demo PYTHON=python3.12`)." % found
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit("This Python cannot make virtual environments: on Debian or Ubuntu, `apt install python3-venv` first.")
    if lock == RUNTIME and os.path.exists(_stamp(DEVELOPMENT)):
        lock = DEVELOPMENT  # it has everything, and must not be taken apart
    path = os.path.join(ROOT, lock)
    with open(path, "rb") as file:
        content = hashlib.sha256(file.read()).hexdigest()
    version = "Python %d.%d" % tuple(sys.version_info[:2])
    wanted = "%s %s %s" % (lock, content, version)
    if _read(_stamp(lock)) == wanted and os.path.exists(PYTHON):
        return
    if not os.path.exists(PYTHON) or version not in (_read(_stamp(lock)) or wanted):
        sys.stderr.write("Making the virtual environment in .venv ...\n")
        _run([sys.executable, "-m", "venv", "--clear", FOLDER])
    sys.stderr.write("Installing the packages of %s (once; about half a minute) ...\n" % lock)
    # The lock file names everything: what the registry has new must not be looked at.
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    _run([*pip, "-r", path])
    with open(_stamp(lock), "w") as file:
        file.write(wanted)


def _stamp(lock):
    return os.path.join(FOLDER, "installed-" + lock)


def _run(command):
    code = subprocess.call(command)
    if code:
        sys.exit("`%s` failed with exit code %d." % (" ".join(command), code))


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


if __name__ == "__main__":
    main(sys.argv[1])
