import type { User } from "./sessions";

export async function spotifyUser(code: string | null): Promise<User> {
  const answer = await fetch("https://api.spotify.com/v1/me", {
    headers: { authorization: `Bearer ${code}` },
  });
  return answer.json<User>();
}
