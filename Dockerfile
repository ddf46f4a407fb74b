# One image for all processes of the service; docs/DEPLOY.md says by which command each is started.
FROM node:24.21.0-bookworm AS build
WORKDIR /orders
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && node --import=tsx ops/image.ts /image

# Nothing but Node.js, the libraries that it uses, and the service: no shell, no package manager.
FROM scratch
COPY --from=build /image/ /
WORKDIR /orders
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
ENV PATH=/usr/local/bin \
    ACCESS_LOG_FILE=- \
    ACCESS_LOG_FORMAT=json \
    LOG_FORMAT=json \
    METRICS_HOST=0.0.0.0 \
    METRICS_PORT=9464 \
    SIMULATED_WRITE_LAG=0
EXPOSE 8080 9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "dist/ops/health.js", "live"]
CMD ["node", "dist/api/server.js"]
