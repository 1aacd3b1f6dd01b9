// discord.js, unmodified, against the fake Discord; tells on standard output what it noticed, one JSON a line.

import { ApplicationCommandOptionType, Client, Events, GatewayIntentBits, MessageFlags } from "discord.js";

const [base, , token] = process.argv.slice(2);
const tell = (event, what = {}) => process.stdout.write(JSON.stringify({ event, ...what }) + "\n");
const later = (error) => tell("error", { message: String(error) });

const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates],
  rest: { api: `${base}/api` },
});

let synced = false;

client.on(Events.ShardReady, async () => {
  const guild = client.guilds.cache.first();
  tell("ready", { guild: guild.name, channels: guild.channels.cache.size, me: guild.members.me?.user.username });
  if (synced) return;
  synced = true;
  const registered = await client.application.commands.set([
    {
      name: "hello",
      description: "Says hello",
      options: [{ name: "name", description: "who", type: ApplicationCommandOptionType.String, required: true }],
    },
    {
      name: "say",
      description: "Posts into the channel",
      options: [{ name: "times", description: "how often", type: ApplicationCommandOptionType.Integer, required: true }],
    },
  ]);
  tell("synced", { commands: [...registered.values()].map((one) => one.name).sort() });
});

client.on(Events.ShardResume, () => tell("resumed"));
client.on(Events.ShardDisconnect, ({ code }) => tell("stopped", { code }));
client.on(Events.Error, later);
client.on(Events.VoiceStateUpdate, (before, after) =>
  tell("voice", { user: after.id, channel: after.channel?.name ?? null }),
);

client.on(Events.InteractionCreate, async (interaction) => {
  try {
    if (interaction.commandName === "hello") {
      const name = interaction.options.getString("name");
      await interaction.reply({ content: `Hello ${name}`, flags: MessageFlags.Ephemeral });
      await interaction.followUp({ content: "and welcome", flags: MessageFlags.Ephemeral });
      return;
    }
    await interaction.deferReply({ flags: MessageFlags.Ephemeral });
    const times = interaction.options.getInteger("times");
    for (let number = 0; number < times; number++) await interaction.channel.send(`line ${number}`);
    await interaction.editReply(`said ${times}`);
  } catch (error) {
    later(error);
  }
});

client.login(token).catch((error) => tell("stopped", { code: 4004, message: String(error) }));
