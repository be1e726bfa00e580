import { createContext, useContext } from "react";
import type { ConnectBrandQuery } from "./gql.ts";

export interface Brand {
  projectId: string | null;
  /** Null: not known (yet). */
  name: string | null;
  logo: string | null;
  logoDark: string | null;
  accent: string | null;
  privacyUrl: string | null;
  termsUrl: string | null;
  supportUrl: string | null;
}

export const NO_BRAND: Brand = {
  projectId: null,
  name: null,
  logo: null,
  logoDark: null,
  accent: null,
  privacyUrl: null,
  termsUrl: null,
  supportUrl: null,
};

/** Images come by this host: the project's own addresses are for the server to fetch. */
export function brandOf({ project }: ConnectBrandQuery["viewer"]): Brand {
  const { id, name, branding } = project;
  return {
    projectId: id,
    name: branding.productName ?? name,
    logo: branding.logoUrl ? `/brand/${id}/logo` : null,
    logoDark: branding.logoDarkUrl ? `/brand/${id}/logo-dark` : null,
    accent: branding.accentColor ?? null,
    privacyUrl: branding.privacyUrl ?? null,
    termsUrl: branding.termsUrl ?? null,
    supportUrl: branding.supportUrl ?? null,
  };
}

export function connectorLogo(brand: Brand, connector: { slug: string; logoUrl?: string | null }): string | null {
  return connector.logoUrl && brand.projectId ? `/brand/${brand.projectId}/connector/${connector.slug}` : null;
}

const Context = createContext<Brand>(NO_BRAND);
export const BrandProvider = Context.Provider;
export const useBrand = () => useContext(Context);
