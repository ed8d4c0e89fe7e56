import { SecretsError } from "@keyhold/core";

/** Where the service answers. Without a host: where the SDK looks for it. */
export interface ServiceAddress {
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/**
 * The address that the options name; a location has an endpoint of its own.
 * https://cloud.google.com/secret-manager/docs/locations
 *
 * @throws SecretsError `invalid-argument`.
 */
export function serviceAddress(apiEndpoint: string | undefined, location: string | undefined): ServiceAddress {
  if (location !== undefined && !/^[a-z][a-z0-9-]{0,62}$/.test(location)) {
    throw new SecretsError("invalid-argument", "location is no region", { hint: "A region reads europe-west3." });
  }
  if (apiEndpoint === undefined) {
    return { host: location === undefined ? undefined : `secretmanager.${location}.rep.googleapis.com`, port: undefined };
  }
  const { host, port } = /^(?<host>[A-Za-z0-9.-]+)(?::(?<port>\d{1,5}))?$/.exec(apiEndpoint)?.groups ?? {};
  if (host === undefined) {
    throw new SecretsError("invalid-argument", "apiEndpoint is no host", {
      hint: "It reads host or host:port, without https:// and without a path.",
    });
  }
  return { host, port: port === undefined ? undefined : Number(port) };
}
