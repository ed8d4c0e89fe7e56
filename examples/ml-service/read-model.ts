/** Asks the model registry for what it has under a name. */
export async function readModel(url: string, name: string, token: string): Promise<{ name: string; version: number }> {
  const answer = await fetch(`${url}/models/${name}`, { headers: { authorization: `Bearer ${token}` } });
  if (!answer.ok) throw new Error(`the model registry answered with ${answer.status}`);
  return (await answer.json()) as { name: string; version: number };
}
