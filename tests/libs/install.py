"""What the workers need: Debian packages through apt, the pinned npm packages under build/libs.

Each function answers the words that start a worker; to them come PATTERN ROLE PORT LOG and options.
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "libs")
PYTHON = "/usr/bin/python3"
NODE_PACKAGE = "node@24.21.0"
SYMFONY = "/usr/share/php/Symfony/Component/Messenger/Bridge/Redis/autoload.php"


def apt(*packages):
    for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-q", *words], check=True, stdout=sys.stderr)


def works(*words):
    try:
        return subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def python():
    if not works(PYTHON, "-c", "import redis, hiredis"):
        apt("python3-redis", "python3-hiredis")
    return [PYTHON, os.path.join(HERE, "worker.py")]


def symfony():
    probe = "exit(class_exists('Redis') && file_exists('%s') ? 0 : 1);" % SYMFONY
    if not works("php", "-r", probe):
        apt("php-cli", "php-redis", "php-symfony-redis-messenger")
    return ["php", "-d", "display_errors=stderr", os.path.join(HERE, "worker_symfony.php")]


def npm(*args):
    subprocess.run(["npm", *args, "--no-audit", "--no-fund"], cwd=BUILD, check=True, stdout=sys.stderr)


def find_node():
    """A Node of 20 or newer: the system's, or the one the npm package `node` carries."""
    carried = os.path.join(BUILD, "runtime", "node_modules", ".bin", "node")
    for candidate in ("node", carried):
        try:
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        if int(said.stdout.lstrip("v").split(".")[0]) >= 20:
            return candidate
    os.makedirs(os.path.join(BUILD, "runtime"), exist_ok=True)
    npm("install", "--prefix", os.path.join(BUILD, "runtime"), NODE_PACKAGE)
    return carried


def node(program, *options):
    """The workers run as copies beside node_modules: imports are looked up from where a file lies."""
    os.makedirs(BUILD, exist_ok=True)
    if not shutil.which("npm"):
        apt("npm")
    lock = os.path.join(BUILD, "package-lock.json")
    with open(os.path.join(HERE, "package-lock.json"), "rb") as file:
        wanted = file.read()
    is_installed = os.path.isdir(os.path.join(BUILD, "node_modules")) and os.path.exists(lock)
    if not is_installed or open(lock, "rb").read() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(os.path.join(HERE, name), BUILD)
        npm("ci")
    for name in os.listdir(HERE):
        if name.endswith(".mjs"):
            shutil.copy(os.path.join(HERE, name), BUILD)
    return [find_node(), os.path.join(BUILD, program), *options]
