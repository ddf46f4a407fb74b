/** The settings in force. */
import { Age, Fact, Page, Shown } from '../parts/frame.tsx';
import { call } from '../state/calls.ts';
import { useConsole } from '../state/console.ts';
import { useResource } from '../state/resources.ts';

interface Settings {
  servers: { mysql: string; redis: string; rabbitmq: string };
  settings: {
    name: string;
    value: string | null;
    default: string | null;
    is_secret: boolean;
    is_set: boolean;
  }[];
}
type Setting = Settings['settings'][number];

const Value = ({ value, is_secret, is_set }: Setting) => {
  if (is_secret) return <span class="faint">{is_set ? 'set, and not shown' : 'not set'}</span>;
  return value === null ? <span class="faint">not set</span> : <code>{value}</code>;
};

const Rows = ({ settings }: { settings: Setting[] }) => (
  <table class="stack dense">
    <thead>
      <tr>
        <th scope="col">Variable</th>
        <th scope="col">In force</th>
        <th scope="col">By default</th>
        <th scope="col">Changed</th>
      </tr>
    </thead>
    <tbody>
      {settings.map((setting) => (
        <tr key={setting.name}>
          <th scope="row">
            <code>{setting.name}</code>
          </th>
          <td data-name="In force">
            <Value {...setting} />
          </td>
          <td data-name="By default" class="faint">
            {setting.default ?? '–'}
          </td>
          <td data-name="Changed">{setting.is_set ? 'yes' : ''}</td>
        </tr>
      ))}
    </tbody>
  </table>
);

export const SettingsPage = () => {
  const { resources } = useConsole();
  const found = useResource(resources, 'settings', (signal) =>
    call<Settings>('console/api/settings', { signal }),
  );
  return (
    <Page title="Settings" tools={<Age of={found} />}>
      <p class="lead">
        As the API process that answered has read them from its environment and <code>.env</code>. Consumers
        and the hub read their own.
      </p>
      <Shown of={found}>
        {({ servers, settings }) => (
          <>
            <dl class="facts">
              <Fact name="MySQL">
                <code>{servers.mysql}</code>
              </Fact>
              <Fact name="Redis">
                <code>{servers.redis}</code>
              </Fact>
              <Fact name="RabbitMQ">
                <code>{servers.rabbitmq}</code>
              </Fact>
            </dl>
            <Rows settings={settings} />
          </>
        )}
      </Shown>
    </Page>
  );
};
