# PostgreSQL 17 of Debian 13, without the just-in-time compiler (the libraries it needs are half the image).
ARG BASE=linli-base:trixie
FROM ${BASE}
RUN groupadd -g 10002 postgres \
    && useradd -u 10002 -g 10002 -d /var/lib/postgresql -s /usr/sbin/nologin postgres \
    && apt-get update \
    && mkdir -p /etc/postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-17 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /usr/lib/*/libLLVM* /usr/lib/*/libz3* \
        /usr/lib/postgresql/17/lib/bitcode /usr/lib/postgresql/17/lib/llvmjit* /var/lib/postgresql \
    && install -d -o postgres -g postgres -m 0700 /var/lib/postgresql /var/lib/postgresql/data
COPY docker/postgres/ /etc/linli/postgres/
COPY postgres/*.sql postgres/*.psql /etc/linli/bootstrap/
ENV PATH=/usr/lib/postgresql/17/bin:$PATH
USER postgres
WORKDIR /var/lib/postgresql
VOLUME /var/lib/postgresql/data
# A fast shutdown: sessions are ended, nothing is lost.
STOPSIGNAL SIGINT
ENTRYPOINT ["/etc/linli/postgres/entrypoint.sh"]
