"""Which files of a change a failure names."""

import pytest

from counterbot.core.mine import named, touched
from counterbot.core.model import FailedTest

MANAGER, UTILS, SETUP = "nova/compute/manager.py", "nova/utils.py", "setup.py"


def test_files_are_named_by_tracebacks():
    lines = ("Traceback (most recent call last):", f'  File "/opt/stack/nova/{MANAGER}", line 12, in init_host',
             '    raise self.failureException("File \\"x\\"")', 'OSError: [Errno 2] No such file: "nova/a.py"')
    assert list(named([FailedTest("a", lines), FailedTest("b"), FailedTest("c", lines[:2])])) == [
        f"/opt/stack/nova/{MANAGER}"] * 2


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (MANAGER, MANAGER),
        (f"./{MANAGER}", MANAGER),
        (f"/opt/stack/nova/{MANAGER}", MANAGER),
        (f"/home/zuul/src/opendev.org/openstack/nova/.tox/py312/lib/python3.12/site-packages/{MANAGER}", MANAGER),
        # the same base name elsewhere
        ("/opt/stack/nova/nova/conductor/manager.py", None),
        ("/opt/stack/cinder/cinder/utils.py", None),
        ("manager.py", None),
        ("compute/manager.py", None),
        ("/opt/stack/xnova/utils.py", None),
        # of two that fit, the longest
        ("/opt/stack/nova/nova/tests/nova/utils.py", "nova/tests/nova/utils.py"),
        ("/opt/stack/nova/nova/utils.py", UTILS),
        # in the project's top folder
        ("/opt/stack/nova/setup.py", SETUP),
        ("/opt/stack/cinder/setup.py", None),
        ("setup.py", None),
    ],
)
def test_a_file_is_one_of_the_changes_by_its_whole_path(path, found):
    files = (MANAGER, UTILS, "nova/tests/nova/utils.py", SETUP, "nova/__init__.py")
    assert touched([path], files, "openstack/nova") == ((found,) if found else ())


def test_each_file_is_told_once_in_the_order_in_which_the_failure_names_them():
    paths = ["/a/nova/utils.py", "/usr/lib/python3/threading.py", f"/a/{MANAGER}", "/b/nova/utils.py"]
    assert touched(paths, (MANAGER, UTILS), "nova") == (UTILS, MANAGER)
    assert touched(paths, (), "nova") == ()
