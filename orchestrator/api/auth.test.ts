import { checkBinding } from '@voxhelm/contracts/settings';
import { expect, test } from 'vitest';

test('loopback needs no key; any other address does', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
    expect(() => checkBinding({ host, apiKey: undefined })).not.toThrow();
  }
  for (const host of ['0.0.0.0', '::', '192.168.1.4', 'voxhelm.example', '127.0.0.1.example']) {
    expect(() => checkBinding({ host, apiKey: undefined })).toThrow(/other machines/);
    expect(() => checkBinding({ host, apiKey: 'a-key-of-16-letters' })).not.toThrow();
  }
});
