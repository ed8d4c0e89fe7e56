export { type KubernetesOptions, type KubernetesProvider, kubernetes } from "./kubernetes.ts";
export { type VolumeOptions, volume } from "./volume.ts";
