# RabbitMQ as the distribution carries it: 4.0 in Debian 13 (trixie), 3.10 in Debian 12 (bookworm).
ARG BASE=linli-base:trixie
FROM ${BASE}
RUN groupadd -g 10003 rabbitmq \
    && useradd -u 10003 -g 10003 -d /var/lib/rabbitmq -s /usr/sbin/nologin rabbitmq \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends rabbitmq-server openssl \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /var/lib/rabbitmq \
    && install -d -o rabbitmq -g rabbitmq -m 0700 /var/lib/rabbitmq
COPY rabbitmq/entrypoint.sh rabbitmq/healthy.sh /usr/local/bin/
COPY rabbitmq/rabbitmq.conf rabbitmq/enabled_plugins rabbitmq/definitions.template /etc/linli/
# The node is named by the loopback address and its own ports stay there: nothing but AMQP, the
# management API and the metrics page can be reached from another container.
ENV PATH=/usr/lib/rabbitmq/bin:$PATH \
    RABBITMQ_NODENAME=rabbit@localhost \
    RABBITMQ_CONFIG_FILE=/etc/linli/rabbitmq.conf \
    RABBITMQ_ENABLED_PLUGINS_FILE=/etc/linli/enabled_plugins \
    RABBITMQ_LOGS=- \
    RABBITMQ_LOG_BASE=/tmp \
    ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
USER rabbitmq
WORKDIR /var/lib/rabbitmq
VOLUME /var/lib/rabbitmq
ENTRYPOINT ["/usr/local/bin/entrypoint.sh"]
