import type { SFTPWrapper } from "ssh2";
import { textOf } from "./fields.ts";
import { sshMeaning, withSsh } from "./ssh-client.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** SFTP, version 3, over SSH. The root folder is opened, and nothing in it read. */
export const family: ProbeFamily = {
  probe: (input) =>
    withSsh(input, async (client) => {
      const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
        client.sftp((error, opened) => (error ? reject(NO_SFTP) : resolve(opened))),
      );
      await openFolder(sftp, textOf(input.values, "rootPath") ?? ".");
    }),
  meaningOf: sshMeaning,
};

function openFolder(sftp: SFTPWrapper, path: string): Promise<void> {
  return new Promise((resolve, reject) =>
    sftp.opendir(path, (error) => {
      const { code } = (error ?? {}) as { code?: unknown };
      if (!error) resolve();
      else reject(code === NO_SUCH_FILE ? NO_FOLDER : code === NOT_ALLOWED ? new ProbeError("PERMISSION_DENIED") : error);
    }),
  );
}

/** SSH_FX_… of the SFTP draft's section 7. */
const [NO_SUCH_FILE, NOT_ALLOWED] = [2, 3];

const NO_SFTP = new ProbeError("PERMISSION_DENIED", {
  message: "The server lets this user in, but offers no SFTP.",
  remedy: "Have whoever runs the server switch SFTP on for the user.",
});

const NO_FOLDER = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such folder on the server.",
  remedy: "Check the root path.",
});
