import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { networkFileSystem, refuseNetworkFileSystem } from "../src/network-file-system.ts";

describe("a network file system", () => {
  it.each([
    ["NFS", 0x6969],
    ["SMB", 0xfe534d42],
    ["SMB", 0xff534d42],
    ["9p", 0x01021997],
    ["FUSE", 0x65735546],
  ])("is known: %s by %i", (name, type) => {
    expect(networkFileSystem(type)).toBe(name);
  });

  it.each([
    ["ext4", 0xef53],
    ["XFS", 0x58465342],
    ["Btrfs", 0x9123683e],
    ["tmpfs", 0x01021994],
    ["overlayfs", 0x794c7630],
  ])("is not %s, by %i", (_, type) => {
    expect(networkFileSystem(type)).toBeUndefined();
  });

  it("is not where tests put their files", async () => {
    await refuseNetworkFileSystem(tmpdir());
  });
});
