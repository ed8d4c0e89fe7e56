// Link-local addresses of metadata services, which only this machine or its host answers; Google's also has a name.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
// https://cloud.google.com/compute/docs/metadata/overview
const named: ReadonlySet<string> = new Set([
  "[fd00:ec2::254]",
  "[fd00:ec2::23]",
  "[fd20:ce::254]",
  "metadata.google.internal",
  "metadata.google.internal.",
]);

/** Whether a host is this machine. As `URL` writes it, so that no other spelling of an address gets by. */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);

/** Whether a host may be asked for credentials over plain http: this machine, or a metadata service. */
export const isMetadataHost = (hostname: string): boolean =>
  isLoopbackHost(hostname) || /^169\.254(\.\d{1,3}){2}$/.test(hostname) || named.has(hostname);
