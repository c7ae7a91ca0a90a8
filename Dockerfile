# PayCow for a cluster: the slim build (no embedded engine, no local chain) and nothing else but certificates and a wget for
# the health check. It runs as a user without rights and needs no writable file system.
FROM golang:1.26.8-alpine3.23 AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
COPY . .
# The build downloads what it needs; `go mod download` would fetch the embedded engine's modules too.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -tags slim -trimpath -buildvcs=false -ldflags='-s -w' -o /out/paycow ./cmd/paycow
RUN printf 'paycow:x:65532:65532::/:/bin/false\n' >/out/passwd

FROM busybox:1.37.0-musl AS busybox

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/passwd /etc/passwd
COPY --from=busybox /bin/wget /bin/wget
COPY --from=build /out/paycow /bin/paycow
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/bin/paycow"]
CMD ["serve"]
