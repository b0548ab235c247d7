# nginx as the distribution carries it, as an ordinary user, logging to the container's output.
ARG BASE=linli-base:trixie
FROM ${BASE}
RUN groupadd -g 10005 gateway \
    && useradd -u 10005 -g 10005 -d /nonexistent -s /usr/sbin/nologin gateway \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nginx-light \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /var/www /etc/nginx/sites-*
COPY gateway/ /etc/linli/gateway/
COPY docker/http-healthy.sh /usr/local/bin/http-healthy
USER gateway
# A graceful shutdown: answers under way are finished.
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/etc/linli/gateway/entrypoint.sh"]
