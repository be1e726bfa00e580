import { decodeId } from "../../lib/ids.ts";
import { connectorViews } from "../connector-view.ts";
import type { Branding } from "../project.ts";
import type { Services } from "../services.ts";

export interface BrandImage {
  type: string;
  body: Buffer;
}

/** What `<img>` shows (HTML section 4.8.3) and nobody mistakes for a page. */
const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/svg+xml"];
const MAX_BYTES = 512 * 1024;
const FETCH_MS = 10_000;
const KEPT_MS = 3_600_000;
/** A host that does not answer is not asked for every visitor. */
const FAILED_MS = 60_000;
const MAX_KEPT = 50;

/** A project's own logo, fetched by us, so that no page asks another host for anything. Null where there is none, or none to be had. */
export async function productLogo(services: Services, publicId: string, dark: boolean): Promise<BrandImage | null> {
  const project = await findProject(services, publicId);
  if (!project) return null;
  const { logoUrl, logoDarkUrl } = project.branding as Branding;
  return imageAt(services, (dark ? logoDarkUrl : logoUrl) ?? null);
}

/** The same of a connector that the project knows. */
export async function connectorLogo(services: Services, publicId: string, slug: string): Promise<BrandImage | null> {
  const project = await findProject(services, publicId);
  if (!project || !/^[a-z0-9-]{1,100}$/.test(slug)) return null;
  const connector = (await connectorViews(services, project.id, [slug])).get(slug);
  return imageAt(services, connector?.logoUrl ?? null);
}

function findProject({ database }: Services, publicId: string) {
  const id = decodeId("Project", publicId);
  if (!id) return null;
  return database.prisma.project.findFirst({ where: { id, deletedAt: null }, select: { id: true, branding: true } });
}

interface Kept {
  image: Promise<BrandImage | null>;
  until: number;
}

const caches = new WeakMap<Services, Map<string, Kept>>();

function imageAt(services: Services, url: string | null): Promise<BrandImage | null> {
  if (url === null) return Promise.resolve(null);
  const cache = caches.get(services) ?? new Map<string, Kept>();
  caches.set(services, cache);
  const kept = cache.get(url);
  if (kept && kept.until > performance.now()) return kept.image;
  cache.delete(url);
  const [oldest] = cache.keys();
  if (cache.size >= MAX_KEPT && oldest !== undefined) cache.delete(oldest);
  const entry: Kept = { image: fetchImage(services, url), until: performance.now() + KEPT_MS };
  cache.set(url, entry);
  // The pages do without it meanwhile.
  void entry.image.then((image) => {
    if (!image) entry.until = performance.now() + FAILED_MS;
  });
  return entry.image;
}

/** Never throws: what cannot be had is not there. */
async function fetchImage({ egress, log }: Services, url: string): Promise<BrandImage | null> {
  try {
    const response = await egress.fetch(url, {
      headers: { accept: TYPES.join(", ") },
      timeoutMs: FETCH_MS,
      maxBytes: MAX_BYTES,
    });
    const type = (response.headers.get("content-type") ?? "").split(";", 1)[0]!.trim().toLowerCase();
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status === 200 && TYPES.includes(type)) return { type, body };
    log.info({ status: response.status, type: type.slice(0, 100) }, "a logo is not an image");
  } catch (error) {
    log.info({ err: error }, "a logo could not be fetched");
  }
  return null;
}
