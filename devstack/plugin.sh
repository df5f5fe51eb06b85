#!/bin/bash
# DevStack plugin: takes the first reading of the counters, when DevStack is up and before the tests.
#
# DevStack knows the passwords and may configure RabbitMQ. The job takes the second reading.
# No error here ends stack.sh: the tests still run, without counters. errexit is off in a function on the left
# of ||, so the steps are joined with &&.

function install_counterbot {
    python3 -m venv "$COUNTERBOT_DIR/venv" &&
    "$COUNTERBOT_DIR/venv/bin/pip" install "$COUNTERBOT_PACKAGE"
}

# MariaDB or MySQL needs no settings: DevStack writes ~/.my.cnf.
function configure_counterbot {
    mkdir -p "$COUNTERBOT_DIR" &&
    (set +o xtrace; umask 077; printf '%s\n' "$RABBIT_PASSWORD" > "$COUNTERBOT_DIR/rabbitmq-password") &&
    {
        if is_service_enabled mysql; then
            echo "mysql: {}"
        fi
        if is_service_enabled rabbit; then
            echo "rabbitmq:"
            echo "  user: '${RABBIT_USERID//\'/\'\'}'"
            echo "  password_file: '${COUNTERBOT_DIR//\'/\'\'}/rabbitmq-password'"
        fi
        echo "systemd: {groups: [memory_peak, cpu]}"
    } > "$COUNTERBOT_DIR/settings.yaml"
}

# The management plugin counts messages; DevStack does not enable it.
function open_rabbitmq_to_counterbot {
    sudo rabbitmq-plugins enable rabbitmq_management &&
    sudo rabbitmqctl set_user_tags "$RABBIT_USERID" monitoring
}

# Remove the files of an earlier stack.sh: they must not be used if reading fails now.
function read_counters_before_the_tests {
    rm -f "$COUNTERBOT_DIR/before.json" "$COUNTERBOT_DIR/counters.json"
    "$COUNTERBOT_DIR/venv/bin/counterbot" collect --settings "$COUNTERBOT_DIR/settings.yaml" \
        --output "$COUNTERBOT_DIR/before.json" > /dev/null
}

# test-config is DevStack's last phase.
if [[ "$1" == "stack" && "$2" == "test-config" ]]; then
    install_counterbot || echo "counterbot could not be installed"
    configure_counterbot || echo "counterbot's settings could not be written"
    if is_service_enabled rabbit; then
        open_rabbitmq_to_counterbot || echo "RabbitMQ's management plugin could not be enabled"
    fi
    read_counters_before_the_tests || echo "not all counters could be read before the tests"
fi

if [[ "$1" == "clean" ]]; then
    rm -rf "$COUNTERBOT_DIR"
fi
