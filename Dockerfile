# The program, built and put into a small image. `docker build -t fieldgate .`; README.md says how to run it.

FROM rust:1.95-bookworm AS build
WORKDIR /build
# Dependencies first: this layer stays until the manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src benches \
    && echo 'fn main() {}' | tee src/main.rs > benches/tls_echo.rs \
    && touch src/lib.rs \
    && cargo build --release --locked --bin fieldgate \
    && rm -r src target/release/fieldgate target/release/deps/*fieldgate* target/release/.fingerprint/fieldgate-*
COPY askama.toml ./
COPY src src
COPY config config
COPY migrations migrations
RUN cargo build --release --locked --bin fieldgate

FROM debian:bookworm-slim
RUN groupadd --gid 10001 fieldgate \
    && useradd --uid 10001 --gid fieldgate --home-dir /data --no-create-home --shell /usr/sbin/nologin fieldgate \
    && install -d -o fieldgate -g fieldgate -m 0700 /data
COPY --from=build /build/target/release/fieldgate /usr/local/bin/fieldgate
USER 10001:10001
WORKDIR /data
VOLUME /data
# Ports that need no privilege, on all addresses of the container: which of them others reach is for whoever publishes them.
ENV FIELDGATE__DEVICE__LISTEN=0.0.0.0:8443 \
    FIELDGATE__MANAGEMENT__LISTEN=0.0.0.0:8444 \
    FIELDGATE__STORAGE__URL=sqlite:///data/fieldgate.db \
    FIELDGATE__SECRETS__KEY_FILE=/data/secret.key
EXPOSE 8443 8444
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s CMD ["fieldgate", "healthcheck"]
ENTRYPOINT ["fieldgate"]
CMD ["serve"]
