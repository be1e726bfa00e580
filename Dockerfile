# Not run where it was written: no container engine there. `.ci/run` checks the same steps without one.
FROM node:26-slim AS pages

# The dashboard and the hosted page, with the development dependencies that building takes.
WORKDIR /app
COPY package.json package-lock.json .npmrc codegen.ts schema.graphql ./
COPY prisma prisma
COPY scripts scripts
COPY src/web src/web
RUN npm ci && npm run build

FROM node:26-slim

ENV NODE_ENV=production HOST=0.0.0.0 MOORLINE_DATA_DIR=/data
WORKDIR /app

# Installing ends with `npm run generate`, which reads the Prisma schema.
COPY package.json package-lock.json .npmrc ./
COPY prisma prisma
COPY scripts scripts
RUN npm ci --omit=dev && npm cache clean --force
COPY src src
COPY --from=pages /app/dist dist
COPY LICENSE schema.graphql ./

RUN mkdir -p /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT ?? 4000}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, so that SIGTERM reaches the server.
CMD ["node", "src/main.ts"]
