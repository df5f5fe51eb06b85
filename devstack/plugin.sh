#!/bin/bash
# DevStack's plugin: the first reading of the counters, when DevStack is up and before anything is tested.
#
# It is DevStack that knows the passwords, and that may change RabbitMQ. The second reading is the job's.
# Nothing here fails a stack.sh: a node without counters still runs its tests. Left of || errexit is
# off, also within a function, so && joins its steps.

function install_counterbot {
    python3 -m venv "$COUNTERBOT_DIR/venv" &&
    "$COUNTERBOT_DIR/venv/bin/pip" install "$COUNTERBOT_PACKAGE"
}

# MariaDB or MySQL is found as the mysql client finds it: DevStack writes ~/.my.cnf.
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

# Messages are counted by the management plugin, which DevStack leaves out.
function open_rabbitmq_to_counterbot {
    sudo rabbitmq-plugins enable rabbitmq_management &&
    sudo rabbitmqctl set_user_tags "$RABBIT_USERID" monitoring
}

# What an earlier stack.sh left must not be taken for this one's, least of all where nothing can be read now.
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
