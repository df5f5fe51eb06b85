"""How counterbot is built and what it needs."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

VERSION = {  # of the git tag; written to a file, since to ask importlib.metadata takes longer than to start
    "version_file": "counterbot/_version.py",
    "version_file_template": '"""The version, as setup.py wrote it."""\n\n__version__ = "{version}"\n',
    "fallback_version": "0.dev0",  # without git, and outside an archive that git or setuptools made
}

# A test node needs these alone: they are small, and all of them come as wheels.
NODE = [
    "click>=8.1",
    "pydantic>=2.6",
    "PyMySQL>=1.1",
    "python-subunit>=1.4.4",
    "PyYAML>=6.0",
]
BOT = [
    "alembic>=1.13.3",
    "google-re2>=1.1",  # known failures: wildcards and regular expressions that cannot explode
    "hyperscan>=0.7.8; platform_machine in 'x86_64 aarch64 AMD64 arm64'",  # the prefilter, where there is a wheel
    "irc>=20.3",
    "luqum>=1.0",  # Lucene's syntax
    "numpy>=1.26",  # groups of failures: sparse products and average linkage are scipy's
    "paramiko>=3.4",
    "scipy>=1.12",
    "SQLAlchemy>=2.0.30",
    "statsd>=4",
    "urllib3>=2.2",  # read1 needs 2.2
]
POSTGRESQL = ["psycopg[binary]>=3.1"]  # in wheels, with libpq; MariaDB's driver is in the plain install
SUBUNIT2SQL = ["oslo.config>=8", "statsd>=4"]  # for the plugin, which runs in subunit2sql's own environment

setup(
    name="counterbot",
    use_scm_version=VERSION,
    setup_requires=["setuptools-scm>=8"],
    description="Tells reviewers when a change makes a CI job work harder, or when it failed by a known bug",
    long_description=(HERE / "README.rst").read_text(),
    long_description_content_type="text/x-rst",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["counterbot", "counterbot.*"]),
    package_data={"counterbot": ["demo/data/*", "demo/data/*/*"]},
    data_files=[("share/man/man1", ["docs/counterbot.1"])],
    install_requires=NODE,
    extras_require={"bot": BOT, "fast": ["isal>=1.7"], "postgresql": POSTGRESQL, "subunit2sql": SUBUNIT2SQL},
    entry_points={
        "console_scripts": ["counterbot = counterbot.cli:main"],
        "counterbot.collectors": [
            "mysql = counterbot.collectors.mysql",
            "performance = counterbot.collectors.performance",
            "rabbitmq = counterbot.collectors.rabbitmq",
            "systemd = counterbot.collectors.systemd",
        ],
        "subunit2sql.target": ["counterbot = counterbot.reporters.subunit2sql_target:Target"],
    },
    classifiers=[
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Software Development :: Quality Assurance",
        "Topic :: Software Development :: Testing",
    ],
)
