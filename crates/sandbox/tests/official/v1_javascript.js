// Does one call with the official JavaScript client of the v1 API and prints what it returns.
//
// Standard input is one JSON object: call ("submit" or "status"), server, partner_id, api_key,
// callback_url, partner_params (pairs, in their order), images (each with image_type_id, path and inline: whether it
// travels as base64 in info.json or is named by its path), id_info and options.
'use strict';

const fs = require('fs');
const { WebApi, Utilities } = require('smile-identity-core');

// It asks for a status for ever when that is an error.
setTimeout(() => process.exit(1), 120_000).unref();

const image = ({ image_type_id, path, inline }) => ({
  image_type_id,
  image: inline ? fs.readFileSync(path).toString('base64') : path,
});

const call = (job) => {
  const partner_params = Object.fromEntries(job.partner_params);
  if (job.call === 'submit') {
    const client = new WebApi(job.partner_id, job.callback_url, job.api_key, job.server);
    const images = job.images.map(image);
    return client.submit_job(partner_params, images, job.id_info, job.options);
  }
  const { user_id, job_id } = partner_params;
  const client = new Utilities(job.partner_id, job.api_key, job.server);
  return client.get_job_status(user_id, job_id, job.options);
};

call(JSON.parse(fs.readFileSync(0, 'utf8'))).then(
  (answer) => process.stdout.write(JSON.stringify(answer)),
  (error) => {
    process.stderr.write(`${error.stack} ${JSON.stringify(error.response?.data)}\n`);
    process.exitCode = 1;
  },
);
