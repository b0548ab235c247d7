# Prometheus as the distribution carries it, without the web pages of its package.
ARG BASE=linli-base:trixie
FROM ${BASE} AS packages
WORKDIR /packages
RUN apt-get update && apt-get download prometheus \
    && for package in *.deb; do dpkg-deb -x "$package" /unpacked; done

FROM ${BASE}
RUN groupadd -g 10004 prometheus \
    && useradd -u 10004 -g 10004 -d /prometheus -s /usr/sbin/nologin prometheus \
    && install -d -o prometheus -g prometheus -m 0700 /prometheus
COPY --from=packages /unpacked/usr/bin/prometheus /usr/local/bin/
COPY prometheus/prometheus.yml /etc/prometheus/prometheus.yml
COPY prometheus/rules/ /etc/prometheus/rules/
COPY docker/http-healthy.sh /usr/local/bin/http-healthy
USER prometheus
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
CMD ["--storage.tsdb.retention.time=30d", "--storage.tsdb.retention.size=4GB", "--log.level=warn"]
