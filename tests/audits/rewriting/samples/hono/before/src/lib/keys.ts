export const SESSION_PREFIX = 'sess:';

export const sessionKey = (id: string): string => `${SESSION_PREFIX}${id}`;
